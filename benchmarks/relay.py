"""The bare relay: server-sent events in, WebSocket messages out, one for each token, and nothing else.

The least that Python can do with uvloop. No sessions, no rows, no order in which things could go wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import cast

import msgspec
import uvloop

from .websocket import CLOSE, PING, PONG, TEXT, FrameReader, accept_key, frame


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta


class _Chunk(msgspec.Struct):
    choices: list[_Choice]


_decode = msgspec.json.Decoder(_Chunk).decode


class Answer(asyncio.Protocol):
    """One answer on its way from the provider to the socket."""

    def __init__(self, prompt: str, write: Callable[[bytes], None]) -> None:
        body = {"model": "bench", "stream": True, "messages": [{"role": "user", "content": prompt}]}
        self._body = json.dumps(body).encode()
        self._write = write
        self._in_body = False
        self._raw = b""
        self._events = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: upstream\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(self._body), self._body)
        )

    def data_received(self, data: bytes) -> None:
        self._raw += data
        if not self._in_body:
            _, blank, rest = self._raw.partition(b"\r\n\r\n")
            if not blank:
                return
            self._in_body, self._raw = True, rest
        while (at := self._raw.find(b"\r\n")) >= 0:
            end = at + 2 + int(self._raw[:at], 16)
            if len(self._raw) < end + 2:
                return
            self._events += self._raw[at + 2 : end]
            self._raw = self._raw[end + 2 :]
            *events, self._events = self._events.split(b"\n\n")
            for event in events:
                self._relay(event[6:])

    def _relay(self, data: bytes) -> None:
        if data == b"[DONE]":
            self._write(frame(data))
            self._transport.close()
            return
        for choice in _decode(data).choices:
            if choice.delta.content:
                self._write(frame(choice.delta.content.encode()))


class Viewer(asyncio.Protocol):
    """One socket; a text message is a prompt."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self._upstream = upstream
        self._frames: FrameReader | None = None
        self._head = b""
        self._asking: asyncio.Task[object] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._frames is None:
            self._head += data
            head, blank, _ = self._head.partition(b"\r\n\r\n")
            if blank:
                self._accept(head)
            return
        for opcode, payload in self._frames.feed(data):
            if opcode == TEXT:
                loop = asyncio.get_running_loop()
                answer = partial(Answer, payload.decode(), self._transport.write)
                self._asking = loop.create_task(loop.create_connection(answer, *self._upstream))
            elif opcode == PING:
                self._transport.write(frame(payload, PONG))
            elif opcode == CLOSE:
                self._transport.close()

    def _accept(self, head: bytes) -> None:
        lines = (line.split(b":", 1) for line in head.split(b"\r\n")[1:])
        key = {name.lower(): value.strip() for name, value in lines}[b"sec-websocket-key"]
        self._frames = FrameReader()
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %s\r\n\r\n" % accept_key(key)
        )


async def serve(port: int, upstream: tuple[str, int]) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Viewer(upstream), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream-port", type=int, required=True)
    options = parser.parse_args()
    uvloop.run(serve(options.port, ("127.0.0.1", options.upstream_port)))


if __name__ == "__main__":
    main()
