"""One connection of the scripted upstream, by hand: a library would not let it misbehave."""

from __future__ import annotations

import asyncio
import http
import json
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any, Protocol, cast

import msgspec

from .script import Act, Script

#: Writes in a row after which other connections get their turn.
_BURST = 64
_LINGER_ZERO = struct.pack("ii", 1, 0)


class Seen(msgspec.Struct):
    """One request as the server saw it; the times are `time.monotonic()`, the same clock in every process.

    `closed_at` is when the exchange was over, and `closed_by` who ended it: the server when it had said all
    (or had done what its script says), else the client.
    """

    index: int
    path: str
    headers: dict[str, str]
    body: Any
    at: float
    bytes_sent: int = 0
    #: Pieces of the body written so far; without `split` these are the events.
    writes: int = 0
    closed_at: float | None = None
    closed_by: str = ""

    @property
    def live(self) -> bool:
        """Whether the answer is still going on."""
        return self.closed_at is None


class Server(Protocol):
    """What a connection asks of the server it belongs to."""

    def choose(self, path: str, headers: dict[str, str], body: Any) -> tuple[Script, Seen] | bytes:
        """The script to follow, or the JSON of an immediate answer."""

    def changed(self) -> None:
        """Something that a test may wait for has happened."""

    def connected(self, connection: Connection, *, lost: bool) -> None:
        """A connection came or went."""


class Connection(asyncio.Protocol):
    """Reads requests one after the other and plays the script of each."""

    def __init__(self, server: Server) -> None:
        self._server = server
        #: Whether the client has said that it goes; what was written is still sent.
        self.leaving = False
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._received = b""
        self._seen: Seen | None = None
        self._parts: Iterator[bytes | float | Act] = iter(())
        self._chunked = True
        self._due = 0.0
        self._paused = False
        self._timer: asyncio.Handle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are none by inheritance.
        self._transport = cast("asyncio.Transport", transport)
        self._server.connected(self, lost=False)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._received[:1].isalpha():
            # A client that wants to speak TLS would wait for ever.
            self._transport.abort()
        elif self._seen is None:
            self._read_request()

    def eof_received(self) -> None:
        self.leaving = True
        self._over("client")

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connected(self, lost=True)
        self._over("client")

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._seen is not None and self._timer is None:
            self._play()

    def abort(self) -> None:
        """Drops the connection."""
        self._transport.abort()

    def _read_request(self) -> None:
        head, blank, rest = self._received.partition(b"\r\n\r\n")
        if not blank:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self._received = rest[length:]
        try:
            body = json.loads(rest[:length]) if length else None
        except ValueError:
            body = None
        choice = self._server.choose(first.split(" ")[1], headers, body)
        if isinstance(choice, bytes):
            self._transport.write(_head(200, {}, "application/json", len(choice)) + choice)
            if self._received:
                self._read_request()
            return
        script, self._seen = choice
        self._chunked = script.framing == "chunked"
        model = str(body.get("model", "")) if isinstance(body, dict) else ""
        self._parts = self._whole(script, model)
        self._due = self._loop.time()
        self._play()

    def _whole(self, script: Script, model: str) -> Iterator[bytes | float | Act]:
        if script.header_delay:
            yield script.header_delay
        if script.fault and script.fault_at < 0:
            yield {"reset": Act.RESET, "close": Act.CLOSE}.get(script.fault, Act.HANG)
        headers = {"content-encoding": "gzip", **script.headers} if script.gzip else script.headers
        length = None if self._chunked else -1
        self._transport.write(_head(script.status, headers, script.content_type, length))
        yield from script.body_parts(model)

    def _play(self) -> None:
        """Goes on until there is something to wait for."""
        self._timer = None
        seen = self._seen
        written = 0
        while seen is not None and not self._paused:
            part = next(self._parts, Act.END)
            if isinstance(part, bytes):
                if not part:
                    continue
                self._transport.write(b"%x\r\n%s\r\n" % (len(part), part) if self._chunked else part)
                seen.bytes_sent += len(part)
                seen.writes += 1
                written += 1
                if written < _BURST:
                    continue
                self._timer = self._loop.call_soon(self._play)
                return
            if isinstance(part, float | int):
                self._due += part
                if self._due > self._loop.time():
                    self._timer = self._loop.call_at(self._due, self._play)
                    return
                continue
            self._act(part)
            return

    def _act(self, act: Act) -> None:
        if act is Act.HANG:
            # Until the client goes away.
            return
        if act is Act.BAD_FRAMING:
            self._transport.write(b"this is no size\r\n")
        elif act is Act.RESET:
            self._over("server")
            self._transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO
            )
            self._transport.abort()
        elif act is Act.CLOSE or not self._chunked:
            self._over("server")
            self._transport.close()
        else:
            self._transport.write(b"0\r\n\r\n")
            self._over("server")
            if self._received:
                self._read_request()

    def _over(self, closed_by: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        seen, self._seen = self._seen, None
        if seen is not None:
            seen.closed_at = time.monotonic()
            seen.closed_by = closed_by
            self._server.changed()


def _head(status: int, headers: dict[str, str], content_type: str, length: int | None) -> bytes:
    """`length` None: chunked, negative: until the connection closes."""
    if length is None:
        framing = "Transfer-Encoding: chunked"
    elif length < 0:
        framing = "Connection: close"
    else:
        framing = f"Content-Length: {length}"
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = "Odd"
    lines = [f"HTTP/1.1 {status} {phrase}", f"Content-Type: {content_type}", framing]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
