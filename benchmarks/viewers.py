"""Viewers as the load client plays them: raw sockets, by hand, so that they cost next to nothing."""

from __future__ import annotations

import asyncio
import time
import uuid
import zlib
from typing import Any, Self, cast

import msgspec

from .scenarios import Target
from .stamps import TOKEN_CHARS, ages
from .websocket import CLOSE, PING, PONG, TEXT, FrameReader, masked_frame

#: Flow control of the chat's protocol.
ACK_FRAMES = 16
ACK_BYTES = 16 * 1024
ACK_SECONDS = 1.0
#: Seconds; the slowest of the compared servers are tens of them behind at the end.
_PATIENCE = 180.0

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.encode


class Tally:
    """What all viewers together have received."""

    def __init__(self) -> None:
        self.tokens = 0
        self.payload_bytes = 0
        self.text_bytes = 0
        #: Seconds; one for each token while it is not None.
        self.latencies: list[float] | None = None

    def add(self, text: str, now: float) -> None:
        self.tokens += len(text) // TOKEN_CHARS
        self.text_bytes += len(text)
        if self.latencies is not None:
            self.latencies += ages(text, now)


class Viewer(asyncio.Protocol):
    """One socket and the answer it shows. `ask` for one, then wait for `first` and `ended`.

    This one speaks to the relays: a prompt is a message, each token is one, `[DONE]` is the last.
    """

    headers = ""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._frames: FrameReader | None = None
        self._head = b""
        self._ready: asyncio.Future[None] = self._future()
        self.first: asyncio.Future[float] = self._future()
        self.ended: asyncio.Future[None] = self._future()

    def _future(self) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()

    @classmethod
    async def connect(cls, target: Target, tally: Tally, number: int) -> Self:
        """A viewer whose server is ready for its prompts."""
        viewer = cls(tally)
        if target.credentials:
            cookie = target.credentials[number % len(target.credentials)]
            viewer.headers = f"Cookie: sessionid={cookie}\r\nSec-WebSocket-Protocol: llmchat.v1\r\n"
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: viewer, "127.0.0.1", target.port)
        transport.write(
            f"GET /ws/ HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nOrigin: http://127.0.0.1:{target.port}\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n{viewer.headers}"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        async with asyncio.timeout(_PATIENCE):
            await viewer._ready
        return viewer

    def ask(self, prompt: str) -> None:
        """Asks; what came of an earlier question is forgotten."""
        self.first, self.ended = self._future(), self._future()
        self._say(prompt.encode())

    async def until_ended(self) -> None:
        async with asyncio.timeout(_PATIENCE):
            await self.ended

    async def until_first(self) -> float:
        """The monotonic time at which the first token came."""
        async with asyncio.timeout(_PATIENCE):
            return await self.first

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        for future in (self._ready, self.first, self.ended):
            if not future.done():
                future.set_exception(exc or ConnectionError("the server closed a socket"))
                # Not everybody waits for it.
                future.exception()

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        if self._frames is None:
            self._head += data
            head, blank, data = self._head.partition(b"\r\n\r\n")
            if not blank:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                raise ConnectionError(head.decode("latin-1"))
            self._frames = FrameReader()
            self._opened()
        for opcode, payload in self._frames.feed(data):
            if opcode == TEXT:
                self._take(payload, now)
            elif opcode == PING:
                self._transport.write(masked_frame(payload, PONG))
            elif opcode == CLOSE:
                self._transport.close()

    def _say(self, message: bytes) -> None:
        self._transport.write(masked_frame(message))

    def _opened(self) -> None:
        self._ready.set_result(None)

    def _take(self, payload: bytes, now: float) -> None:
        self._tally.payload_bytes += len(payload)
        if payload == b"[DONE]":
            self.ended.set_result(None)
        else:
            self._shown(payload.decode(), now)

    def _shown(self, text: str, now: float) -> None:
        if not self.first.done():
            self.first.set_result(now)
        self._tally.add(text, now)


class ChatViewer(Viewer):
    """A viewer of the site: it applies, verifies and acknowledges frames as the protocol says."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally)
        self._text = ""
        self._seen: dict[str, int] = {}
        self._unacknowledged = [0, 0]
        self._ack_timer: asyncio.TimerHandle | None = None
        self._conversation: str | None = None
        self._turns = 0
        #: The row of the question, once it is accepted.
        self.question = ""

    def ask(self, prompt: str) -> None:
        """Asks in a new conversation, and every other time in the one before."""
        self.question = ""
        super().ask(prompt)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ack_timer is not None:
            self._ack_timer.cancel()
        super().connection_lost(exc)

    def _opened(self) -> None:
        """It is ready only when the server has said so."""

    def _say(self, message: bytes) -> None:
        conversation = self._conversation if self._turns % 2 else None
        self._turns += 1
        command = {"type": "send", "id": str(uuid.uuid4()), "text": message.decode()}
        super()._say(_encode({**command, "conversation": conversation}))

    def _take(self, payload: bytes, now: float) -> None:
        frame = _decode(payload)
        if isinstance(frame, list):
            generation, n, text = frame
            self._apply(generation, n, len(payload))
            self._text += text
            self._shown(text, now)
            return
        kind = frame["type"]
        if kind == "ready":
            self._ready.set_result(None)
        elif kind == "accepted":
            self.question = frame["user_message"]
        elif kind == "begin":
            self._text, self._seen = "", {}
            self._apply(frame["generation"], 0, len(payload))
        elif kind == "end":
            self._apply(frame["generation"], frame["n"], len(payload))
            self._verify(frame)
            self.ended.set_result(None)
        elif kind in ("error", "snapshot", "event"):
            raise RuntimeError(f"not expected: {frame}")

    def _apply(self, generation: int, n: int, size: int) -> None:
        key = str(generation)
        if n != self._seen.get(key, -1) + 1:
            raise RuntimeError(f"frame {n} after {self._seen}")
        self._seen[key] = n
        self._tally.payload_bytes += size
        self._unacknowledged[0] += 1
        self._unacknowledged[1] += size
        if self._unacknowledged[0] >= ACK_FRAMES or self._unacknowledged[1] >= ACK_BYTES:
            self._acknowledge()
        elif self._ack_timer is None:
            self._ack_timer = asyncio.get_running_loop().call_later(ACK_SECONDS, self._acknowledge)

    def _acknowledge(self) -> None:
        if self._ack_timer is not None:
            self._ack_timer.cancel()
            self._ack_timer = None
        self._unacknowledged = [0, 0]
        Viewer._say(self, _encode({"type": "ack", "seen": self._seen}))

    def _verify(self, end: dict[str, Any]) -> None:
        whole = (len(self._text), zlib.crc32(self._text.encode()))
        if end["status"] != "complete" or (end["text_length"], end["crc32"]) != whole:
            raise RuntimeError(f"an answer is not whole: {end}")
        self._conversation = end["conversation"]
