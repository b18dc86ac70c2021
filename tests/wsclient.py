"""A client that follows the protocol's rules to the letter, and can be cut off."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
import zlib
from collections.abc import Callable
from typing import Any

import websockets

PATIENCE = 10.0


class Shown:
    """What a viewer shows of one generation."""

    def __init__(self) -> None:
        self.last = -1
        self.text = ""
        self.reasoning = ""
        self.events: list[dict[str, Any]] = []
        self.message: str | None = None
        self.conversation: str | None = None
        self.end: dict[str, Any] | None = None
        self.ends = 0
        #: It waits for a snapshot; what comes before that cannot be shown.
        self.blank = False


class ChatClient:
    """One viewer. It outlives its connections: `cut` and `connect` again, and it catches up by itself."""

    def __init__(self, url: str, headers: dict[str, str], *, acks: bool = True) -> None:
        self.url = url
        self.headers = headers
        self.acks = acks
        self.frames: list[Any] = []
        self.shown: dict[int, Shown] = {}
        self.watched: set[str] = set()
        self.violations: list[str] = []
        self.mismatches = 0
        self.received_bytes = 0
        self.close_code: int | None = None
        self.connections = 0
        self.ws: websockets.ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._unacknowledged = (0, 0)
        self._bases: dict[str, str] = {}

    async def __aenter__(self) -> ChatClient:
        await self.connect()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def connect(self, *, ready: bool = True) -> None:
        """Connects, and watches again what it watched."""
        self.close_code = None
        self.ws = await websockets.connect(
            self.url,
            subprotocols=[websockets.Subprotocol("llmchat.v1")],
            additional_headers=self.headers,
            max_size=None,
            compression=None,
        )
        self.connections += 1
        seen = len(self.frames)
        self._reader = asyncio.create_task(self._read(self.ws))
        if ready:
            await self.until(lambda: any(_type(f) == "ready" for f in self.frames[seen:]) or self.close_code)
        for conversation in self.watched:
            await self.watch(conversation)

    async def close(self) -> None:
        if self.ws is not None:
            await self.ws.close()
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader

    async def cut(self) -> None:
        """Loses the connection without a word."""
        assert self.ws is not None
        assert self._reader is not None
        self.ws.transport.abort()
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader

    async def say(self, type: str, **fields: Any) -> str:
        """Sends a command and returns its id."""
        assert self.ws is not None
        command = {"type": type, "id": str(uuid.uuid4())} | fields
        await self.ws.send(json.dumps(command))
        return str(command["id"])

    async def raw(self, frame: str) -> None:
        assert self.ws is not None
        await self.ws.send(frame)

    async def ask(self, type: str, **fields: Any) -> dict[str, Any]:
        """Sends a command and returns what answers it."""
        seen = len(self.frames)
        id = await self.say(type, **fields)
        return await self.frame(lambda f: _field(f, "id") == id, since=seen)

    async def send(self, text: str, conversation: str | None = None, **fields: Any) -> dict[str, Any]:
        """Sends a user's message; returns `accepted`."""
        reply = await self.ask("send", text=text, conversation=conversation, **fields)
        assert reply["type"] == "accepted", reply
        return reply

    async def watch(self, conversation: str, **fields: Any) -> None:
        self.watched.add(conversation)
        seen = {str(g): shown.last for g, shown in self.shown.items() if shown.conversation == conversation}
        await self.say("watch", conversation=conversation, **{"seen": seen, **fields})

    async def until(self, condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
        """Waits until `condition()` is true, looking after each frame."""
        async with asyncio.timeout(patience):
            while not (result := condition()):
                self._news.clear()
                await self._news.wait()
        return result

    async def frame(
        self, wanted: Callable[[Any], bool], since: int = 0, patience: float = PATIENCE
    ) -> dict[str, Any]:
        """The first frame from number `since` on that is `wanted`."""
        found: list[dict[str, Any]] = await self.until(
            lambda: [f for f in self.frames[since:] if wanted(f)], patience
        )
        return found[0]

    async def ended(self, generation: int, patience: float = PATIENCE) -> dict[str, Any]:
        """The verified end of a generation."""

        def verified() -> dict[str, Any] | None:
            shown = self.shown.get(generation)
            return shown.end if shown is not None else None

        end: dict[str, Any] = await self.until(verified, patience)
        return end

    async def text(self, generation: int, length: int = 1, patience: float = PATIENCE) -> str:
        """What is shown, once it is at least so long."""
        await self.until(
            lambda: generation in self.shown and len(self.shown[generation].text) >= length, patience
        )
        return self.shown[generation].text

    async def _read(self, ws: websockets.ClientConnection) -> None:
        try:
            async for message in ws:
                frame = json.loads(message)
                self.received_bytes += len(message)
                self.frames.append(frame)
                await self._apply(frame, len(message))
                self._news.set()
        except websockets.ConnectionClosed:
            pass
        finally:
            self.close_code = ws.close_code or 1006
            self._news.set()

    async def _apply(self, frame: Any, size: int) -> None:
        if isinstance(frame, list):
            shown = self.shown.get(frame[0])
            if shown is None or not await self._in_order(frame[0], frame[1], shown):
                return
            if len(frame) > 3:
                shown.reasoning += frame[2]
            else:
                shown.text += frame[2]
            await self._acknowledge(size)
            return
        kind = frame["type"]
        if kind == "accepted":
            self.watched.add(frame["conversation"])
        if kind not in ("begin", "event", "snapshot", "end"):
            return
        generation = frame["generation"]
        if kind == "end" and "id" in frame and generation not in self.shown:
            # The reply to a stop, of an answer that this viewer does not show.
            return
        shown = self.shown.setdefault(generation, Shown())
        if kind == "begin":
            if shown.last < 0:
                shown.last, shown.message, shown.conversation = 0, frame["message"], frame["conversation"]
                # The first answer of a message begins with nothing, whatever has continued it since.
                shown.text = self._bases.get(frame["message"], "") if frame["text_length"] else ""
                if _crc(shown.text) != frame["crc32"]:
                    # A continuation of what this viewer has not seen whole: a snapshot will tell.
                    shown.last, shown.blank = -1, True
                    await self._rewatch(shown, generation)
        elif kind == "snapshot":
            shown.blank = False
            shown.last, shown.text, shown.reasoning = frame["n"], frame["text"], frame["reasoning"]
            shown.events = frame["events"]
        elif kind == "event":
            if await self._in_order(generation, frame["n"], shown):
                shown.events.append(frame)
        else:
            await self._end(generation, shown, frame)
        await self._acknowledge(size)

    async def _in_order(self, generation: int, n: int, shown: Shown) -> bool:
        if n == shown.last + 1:
            shown.last = n
            return True
        if n > shown.last + 1 and not shown.blank:
            self.violations.append(f"gap in {generation}: {shown.last} then {n}")
            await self._rewatch(shown, generation, because="gap")
        return False

    async def _end(self, generation: int, shown: Shown, end: dict[str, Any]) -> None:
        shown.conversation = shown.conversation or end["conversation"]
        if shown.blank:
            return
        fits = (
            len(shown.text.encode("utf-16-le")) // 2 == end["text_length"]
            and _crc(shown.text) == end["crc32"]
        )
        if fits and shown.end is not None:
            return
        if end["n"] != shown.last + 1 or not fits:
            self.mismatches += 1
            shown.last = -1
            await self._rewatch(shown, generation, because="checksum")
            return
        shown.last = end["n"]
        shown.end = end
        shown.ends += 1
        if shown.message is not None:
            self._bases[shown.message] = shown.text

    async def _rewatch(self, shown: Shown, generation: int, **because: str) -> None:
        seen = {str(generation): shown.last}
        await self.say("watch", conversation=shown.conversation, seen=seen, **because)

    async def _acknowledge(self, size: int) -> None:
        frames, total = self._unacknowledged
        frames, total = frames + 1, total + size
        if self.acks and (frames >= 16 or total >= 16384):
            await self.acknowledge()
        else:
            self._unacknowledged = (frames, total)

    async def acknowledge(self) -> None:
        self._unacknowledged = (0, 0)
        seen = {str(g): shown.last for g, shown in self.shown.items() if shown.last >= 0}
        with contextlib.suppress(websockets.ConnectionClosed):
            await self.say("ack", seen=seen)


def _type(frame: Any) -> str | None:
    kind: str | None = _field(frame, "type")
    return kind


def _field(frame: Any, name: str) -> Any:
    return frame.get(name) if isinstance(frame, dict) else None


def _crc(text: str) -> int:
    return zlib.crc32(text.encode())
