"""One answer on its way in: read without waiting, closed at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

import aiohttp

from .chunks import ChunkDecoder
from .errors import UpstreamError, redact
from .sse import Event, EventSplitter
from .transport import disconnect
from .types import Delta, Ended

#: Seconds without an event after which an answer that has its finish_reason is taken as ended: usage and
#: `[DONE]` may follow it, but some servers then neither send nor close.
FINISH_GRACE = 2.0
LOOK_SECONDS = 0.5
#: What transports say that are closing, or cannot wait.
_NO_FLOW_CONTROL = (AttributeError, NotImplementedError, RuntimeError)
#: Seconds that a provider gets after `[DONE]` to end the response, so that its connection can be used again.
REUSE_GRACE = 0.25


class UpstreamStream:
    """The stream of one answer; `Clients.open` makes it. Not for two readers at once, and for one loop."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        *,
        max_line_bytes: int = 1 << 20,
        max_event_bytes: int = 1 << 20,
        secrets: Iterable[str] = (),
        think_tags: bool = True,
    ) -> None:
        #: Set by `take()` when the stream is over.
        self.ended: Ended | None = None
        self._response = response
        self._content = response.content
        # Remembers how the connection was lost, unless it has been passed on to the next request.
        self._protocol = response.connection.protocol if response.connection is not None else None
        self._framed = "Transfer-Encoding" in response.headers or "Content-Length" in response.headers
        self._loop = asyncio.get_running_loop()
        self._secrets = tuple(secrets)
        self._splitter = EventSplitter(max_line_bytes, max_event_bytes)
        self._decoder = ChunkDecoder(self._secrets, think_tags=think_tags)
        self._max_document = max_event_bytes
        self._document: bytearray | None = None
        self._sniffed = response.content_type == "text/event-stream"
        self._waited: list[bytes] = []
        self._waiting = False
        self._quiet_since: float | None = None
        self._closed = False

    def take(self) -> list[Delta]:
        """All deltas that have arrived and were not taken yet. Never blocks, never raises."""
        if self.ended is not None:
            return []
        deltas: list[Delta] = []
        try:
            self._advance(deltas)
        except UpstreamError as error:
            self._end(deltas, error)
        except Exception as error:
            # A flaw in here must end this one answer, not the tick that serves all of them.
            self._end(deltas, self._unusable(repr(error)))
        return deltas

    async def wait(self) -> None:
        """Returns as soon as `take()` has something new to look at: bytes, the end, an error.

        Cancelling it loses nothing.
        """
        if self._waiting:
            raise RuntimeError("Another task waits for this stream already")
        if self.ended is not None or self._waited or self._closed:
            return
        self._waiting = True
        try:
            while self._connected() and not self._grace_over():
                with suppress(TimeoutError):
                    # By itself, aiohttp does not wake its reader when the HTTP framing is broken.
                    async with asyncio.timeout(LOOK_SECONDS):
                        self._waited.append(await self._content.readany())
                        return
        except (aiohttp.ClientError, OSError, RuntimeError):
            # take() finds the error where aiohttp keeps it.
            pass
        finally:
            self._waiting = False

    def rest(self) -> None:
        """Leaves what comes from now on to the kernel: nothing wakes this process until `listen`.

        A wake-up for every token costs more than all that is then done with it.
        """
        if self.ended is None and not self._closed and (transport := self._transport()) is not None:
            with suppress(*_NO_FLOW_CONTROL):
                transport.pause_reading()

    def listen(self) -> None:
        """Lets in what has arrived since `rest`: `take` has it once the loop has looked at its sockets."""
        if (transport := self._transport()) is not None:
            with suppress(*_NO_FLOW_CONTROL):
                transport.resume_reading()

    def _transport(self) -> asyncio.Transport | None:
        protocol = self._protocol
        # One that aiohttp holds back, because its buffer is full, is let go by it when that is read.
        return None if protocol is None or protocol._reading_paused else protocol.transport

    async def aclose(self) -> None:
        """Closes the connection to the provider at once, whatever has been read. Idempotent."""
        if self._closed:
            return
        self.listen()
        self._closed = True
        if self.ended is not None and self.ended.done and self._response.connection is not None:
            self._loop.call_later(REUSE_GRACE, disconnect, self._response)
        else:
            disconnect(self._response)

    def _advance(self, deltas: list[Delta]) -> None:
        data = b"".join(self._waited)
        self._waited.clear()
        over = False
        if not self._waiting:
            content = self._content
            over = content.is_eof() or content.exception() is not None or not self._connected()
            # A response without a body has a reader without a buffer, always at its end.
            if not content.at_eof() and (buffer := content._buffer):
                if len(buffer) > 1:
                    # For each piece that it hands out, aiohttp looks after the connection anew.
                    pieces = b"".join(buffer)
                    buffer.clear()
                    buffer.append(pieces)
                # The public read_nowait() raises a stored error before it hands out what came before that.
                data += content._read_nowait(-1)
        if data:
            self._feed(data, deltas)
        if self.ended is not None:
            return
        if over:
            self._finish(deltas)
        elif self._decoder.finish_reason is not None:
            # Not any bytes: comments that keep the connection open are silence.
            if deltas or self._quiet_since is None:
                self._quiet_since = self._loop.time()
            elif self._grace_over():
                self._end(deltas, None)

    def _feed(self, data: bytes, deltas: list[Delta]) -> None:
        if not self._sniffed:
            data = self._sniff(data)
        if self._document is not None:
            self._document += data
            if len(self._document) > self._max_document:
                raise self._unusable("the document is too long")
            return
        self._decode(self._splitter.feed(data), deltas)
        if self.ended is None and self._splitter.overflowed:
            raise self._unusable("a line or an event is too long")

    def _sniff(self, data: bytes) -> bytes:
        """Looks at the first byte of a body that is not declared as a stream: many are one all the same."""
        data = data.lstrip()
        if data:
            self._sniffed = True
            if data.startswith(b"{"):
                self._document = bytearray()
            elif data.startswith(b"<"):
                raise self._unusable("the body is a page of HTML")
        return data

    def _decode(self, events: list[Event], deltas: list[Delta]) -> None:
        decoder = self._decoder
        for event in events:
            delta = decoder.decode(event)
            if delta is not None:
                deltas.append(delta)
            elif decoder.done:
                self._end(deltas, None)
                return
            if decoder.failure is not None:
                raise decoder.failure

    def _finish(self, deltas: list[Delta]) -> None:
        """The connection has nothing more to give: it ended, was cut or was reset."""
        lost = None
        if self._protocol is not None and not (self._framed and self._content.is_eof()):
            lost = self._protocol.exception()
        if isinstance(lost, OSError):
            raise UpstreamError("upstream_unreachable", log_detail=redact(repr(lost)), broke_off=True)
        if not isinstance(lost, aiohttp.ServerDisconnectedError):
            broken = lost or self._content.exception()
            if broken is not None:
                raise self._unusable(repr(broken))
        if self._document is not None:
            if (delta := self._decoder.decode_document(bytes(self._document))) is not None:
                deltas.append(delta)
        else:
            # The last event may lack its blank line; if it is half an event, it never was one.
            with suppress(UpstreamError):
                self._decode(self._splitter.finish(), deltas)
        if self.ended is None:
            raise UpstreamError("upstream_protocol", log_detail="no finish_reason", broke_off=True)

    def _connected(self) -> bool:
        return self._protocol is None or self._protocol.connected

    def _grace_over(self) -> bool:
        return self._quiet_since is not None and self._loop.time() - self._quiet_since >= FINISH_GRACE

    def _end(self, deltas: list[Delta], error: UpstreamError | None) -> None:
        decoder = self._decoder
        if (rest := decoder.finish()) is not None:
            deltas.append(rest)
        if decoder.done or decoder.finish_reason is not None:
            # The answer is whole; what went wrong behind it is of no consequence.
            error = None
            if not decoder.has_content:
                filtered = decoder.finish_reason == "content_filter"
                code = "content_filtered" if filtered else "upstream_protocol"
                error = UpstreamError(code, log_detail="finished without content")
        # Its traceback would keep this stream, and its frames, in a cycle.
        self.ended = Ended(decoder.finish_reason, decoder.done, error and error.with_traceback(None))

    def _unusable(self, detail: str) -> UpstreamError:
        return UpstreamError("upstream_protocol", log_detail=redact(detail, self._secrets))
