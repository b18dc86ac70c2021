"""A client of OpenAI's API as the load client plays it, by hand like the others."""

from __future__ import annotations

import asyncio
import time
from typing import Self

import msgspec

from .scenarios import Target
from .viewers import Tally, Viewer

_encode = msgspec.json.encode


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta
    finish_reason: str | None


class _Chunk(msgspec.Struct):
    choices: list[_Choice]


_decode_chunk = msgspec.json.Decoder(_Chunk).decode


class ApiViewer(Viewer):
    """One connection: each prompt is a POST on it, its answer a stream of events."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(tally)
        self._body = False
        self._raw = b""
        self._events = b""
        self._finished = False

    @classmethod
    async def connect(cls, target: Target, tally: Tally, number: int) -> Self:
        viewer = cls(tally)
        key = target.credentials[number % len(target.credentials)]
        viewer.headers = f"Host: 127.0.0.1:{target.port}\r\nAuthorization: Bearer {key}\r\n"
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: viewer, "127.0.0.1", target.port)
        return viewer

    def _say(self, message: bytes) -> None:
        self._finished = False
        messages = [{"role": "user", "content": message.decode()}]
        body = _encode({"model": "bench", "messages": messages, "stream": True})
        head = f"POST /v1/chat/completions HTTP/1.1\r\n{self.headers}Content-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self._raw += data
        if not self._body:
            head, blank, rest = self._raw.partition(b"\r\n\r\n")
            if not blank:
                return
            if b" 200 " not in head.split(b"\r\n")[0]:
                raise ConnectionError(self._raw.decode("latin-1"))
            self._body, self._raw = True, rest
        while (at := self._raw.find(b"\r\n")) >= 0:
            end = at + 2 + int(self._raw[:at], 16)
            if len(self._raw) < end + 2:
                return
            self._read(self._raw[at + 2 : end], now)
            self._raw = self._raw[end + 2 :]

    def _read(self, part: bytes, now: float) -> None:
        """One chunk of HTTP; the last one of a response is empty."""
        if not part:
            self._body = False
            if not self._finished:
                raise RuntimeError("an answer is not whole")
            self.ended.set_result(None)
            return
        self._tally.payload_bytes += len(part)
        *events, self._events = (self._events + part).split(b"\n\n")
        for event in events:
            if event == b"data: [DONE]":
                continue
            (choice,) = _decode_chunk(event[6:]).choices
            if choice.delta.content:
                self._shown(choice.delta.content, now)
            self._finished = self._finished or choice.finish_reason == "stop"
