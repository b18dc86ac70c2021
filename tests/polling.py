"""A client that gets no socket through: it sends by POST and follows by polling, by the same rules."""

from __future__ import annotations

import json
import uuid
from typing import Any

import aiohttp

from tests.insite import InSite
from tests.wsclient import ChatClient, Shown

TOKEN = "x" * 32


class PollingClient(ChatClient):
    """The rules of what is shown are its base's; only how frames come differs."""

    def __init__(self, site: InSite, cookie: str) -> None:
        super().__init__(site.socket_url, site.headers(cookie))
        self.site = site
        self.session = aiohttp.ClientSession(
            cookies={"sessionid": cookie, "csrftoken": TOKEN},
            headers={"X-CSRFToken": TOKEN, "Origin": site.origin},
        )
        self.revision: int | None = None

    async def close(self) -> None:
        await self.session.close()

    async def say(self, type: str, **fields: Any) -> str:
        """What a socket would be told; the answers to `watch` come with the next poll."""
        if type == "watch":
            assert "because" not in fields, fields
        return str(fields.get("id", ""))

    async def command(self, type: str, **fields: Any) -> tuple[int, dict[str, Any]]:
        """Status and frame that answer a command."""
        command = {"type": type, "id": str(uuid.uuid4())} | fields
        async with self.session.post(f"{self.site.origin}/api/commands/", json=command) as response:
            body = await response.text()
            return response.status, json.loads(body) if body else {}

    async def poll(self, conversation: str, *, wait: float = 0, **fields: Any) -> list[Any]:
        """One request; its frames are applied."""
        seen = {g: shown.last for g, shown in self.shown.items() if shown.end is None}
        query = {"conversation": conversation, "seen": json.dumps(seen), "wait": str(wait)} | fields
        async with self.session.get(f"{self.site.origin}/api/watch/", params=query) as response:
            frames = await response.json()
            assert response.status == 200, frames
        for frame in frames:
            await self._apply(frame, 0)
        self.frames += frames
        return list(frames)

    async def follow(self, accepted: dict[str, Any]) -> list[str]:
        """Polls until the end; returns what was shown after each poll."""
        steps = []
        # As a socket's sender follows what it has begun, though it may have ended before the first poll.
        self.shown.setdefault(accepted["generation"], Shown())
        while (shown := self.shown[accepted["generation"]]).end is None:
            await self.poll(accepted["conversation"], wait=5)
            steps.append(shown.text)
        return steps
