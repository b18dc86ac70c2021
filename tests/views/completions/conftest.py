from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest_asyncio

from chat.models import ApiKey
from tests.insite import InSite

ASK: dict[str, Any] = {"model": "scripted", "messages": [{"role": "user", "content": "hello"}]}


class Api:
    """A program that calls `v1/` with a key of its own."""

    def __init__(
        self, site: InSite, session: aiohttp.ClientSession, user: Any, row: ApiKey, key: str
    ) -> None:
        self.site = site
        self.url = f"{site.origin}/v1"
        self.session = session
        self.user = user
        self.row = row
        self.key = key

    async def post(self, body: Any, **headers: str) -> tuple[int, Any, Any]:
        """Status, the JSON (or for a stream the text), and headers."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"{self.url}/chat/completions"
        async with self.session.post(url, data=io.BytesIO(raw), headers=self.headers | headers) as response:
            streamed = response.content_type == "text/event-stream"
            return (
                response.status,
                await response.text() if streamed else await response.json(),
                response.headers,
            )

    async def ask(self, **more: Any) -> tuple[int, Any, Any]:
        return await self.post(ASK | more)

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        async with self.session.get(f"{self.url}/{path}", headers=self.headers | headers) as response:
            return response.status, await response.json()

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}


@pytest_asyncio.fixture
async def api(site: InSite) -> AsyncIterator[Api]:
    user, _ = await site.person()
    row, key = await site.db(ApiKey.objects.make, user, "script")
    async with aiohttp.ClientSession() as session:
        yield Api(site, session, user, row, key)


def chunks_of(stream: str) -> list[Any]:
    """The decoded events of a stream; `[DONE]` as it stands."""
    events = stream.split("\n\n")
    assert events.pop() == ""
    assert all(event.startswith("data: ") and "\n" not in event for event in events)
    return [
        data if data == "[DONE]" else json.loads(data)
        for data in (event.removeprefix("data: ") for event in events)
    ]
