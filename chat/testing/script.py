"""What the scripted upstream is told to answer, and the bytes it makes of it."""

from __future__ import annotations

import enum
import json
import zlib
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from ..upstream.storable import mend

Fault = Literal[
    "",
    "hang",  # says nothing more, and keeps the connection
    "reset",  # RST
    "close",  # FIN, in the middle of the HTTP body
    "end",  # a clean end of the HTTP body
    "half_event",  # half an event, then a clean end
    "garbage",  # an event of bytes that are no text, then a clean end
    "html",  # a page of HTML in the middle of the stream, then a clean end
    "error_event",  # {"error": …}, then a clean end
    "bad_framing",  # an invalid size of an HTTP chunk
    "comments",  # keep-alive comments, 20 a second, and nothing else
    "oversized",  # a line of `size` bytes that never ends, then silence
]


_SERVER_ERROR = {"message": "The server had an error", "type": "server_error", "code": None}


#: Characters of a token where the tokens of a script are not told.
_PIECE = 7
_LAST_WORDS = 60


def _start_of_last_words(text: str) -> int:
    start = max(0, len(text) - _LAST_WORDS)
    return start and text.find(" ", start) + 1


class Act(enum.Enum):
    """What a server does apart from writing and pausing."""

    HANG = enum.auto()
    RESET = enum.auto()
    CLOSE = enum.auto()
    BAD_FRAMING = enum.auto()
    END = enum.auto()


class Script(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One answer of the scripted upstream; also written as a JSON object.

    The text is `tokens`, or else `count` times `pattern` with `{n}` counted from 0; one token is one event.
    Places are counted in tokens: 0 is before the first one and, behind the last of N, N is before the
    finish_reason and N+1 before what follows it; -1 is before the headers.
    """

    tokens: list[str] | None = None
    count: int = 20
    pattern: str = "token{n} "
    #: Pieces of reasoning, sent before the text under `reasoning_field`.
    reasoning: list[str] = []
    reasoning_field: str = "reasoning_content"
    #: None: no chunk with a finish_reason is sent.
    finish_reason: str | None = "stop"
    #: How it goes on when the request ends with the beginning of its text: with the next character, from the
    #: last words on, or all over again. It then makes no fault.
    continues: Literal["", "next", "words", "anew"] = ""
    #: The last token travels in the chunk that has the finish_reason.
    finish_with_content: bool = False
    #: Sent in a chunk of its own; None counts the tokens, {} sends no such chunk.
    usage: dict[str, Any] | None = None
    #: Ends with `[DONE]`.
    done: bool = True

    #: Tokens per second; 0 = as fast as the client reads.
    rate: float = 0
    #: Seconds before the headers, before the first event, and at the places named.
    header_delay: float = 0
    first_delay: float = 0
    pauses: dict[int, float] = {}
    #: Sent as it stands at the places named (comments, quirks); surrogates of `surrogateescape` become bytes.
    insert: dict[int, str] = {}
    #: At most so many bytes in one write, each in a chunk of HTTP of its own; 0 = one event is one write.
    split: int = 0
    newline: Literal["\n", "\r\n", "\r"] = "\n"

    status: int = 200
    headers: dict[str, str] = {}
    content_type: str = "text/event-stream; charset=utf-8"
    framing: Literal["chunked", "close"] = "chunked"
    gzip: bool = False
    #: Sent instead of a stream; unless `body_ends`, the connection then stays silent.
    body: str | None = None
    body_ends: bool = True

    fault: Fault = ""
    fault_at: int = 0
    #: Of the fault `oversized`, in bytes.
    size: int = 60_000_000
    #: Of the fault `error_event`; None = an ordinary one.
    error: Any = None

    @property
    def text(self) -> str:
        """The whole text as a reader may see it: without NUL and lone surrogates, split pairs joined."""
        return mend("".join(self.all_tokens()))

    def all_tokens(self) -> Iterator[str]:
        """The tokens one by one."""
        if self.tokens is not None:
            yield from self.tokens
        else:
            for n in range(self.count):
                yield self.pattern.replace("{n}", str(n))

    def going_on(self, said: str) -> Script:
        """The script of the rest, for a request in which `said` stands already."""
        text = self.text
        if not (self.continues and said and text.startswith(said)):
            return self
        start = {"next": len(said), "words": _start_of_last_words(said), "anew": 0}[self.continues]
        rest = [text[n : n + _PIECE] for n in range(start, len(text), _PIECE)]
        return msgspec.structs.replace(self, tokens=rest, reasoning=[], fault="", pauses={}, insert={})

    def events(self, model: str) -> Iterator[bytes | float | Act]:
        """The body: bytes to write, seconds to pause (counted from the last pause's end), and acts."""
        return _Events(self, model).all()

    def body_parts(self, model: str) -> Iterator[bytes | float | Act]:
        """`events()` after compression and splitting; the HTTP framing is the server's."""
        parts = self.events(model)
        if self.body is not None:
            body = self.body.encode("utf-8", "surrogateescape")
            parts = iter((body, Act.END if self.body_ends else Act.HANG))
        compressor = zlib.compressobj(wbits=31) if self.gzip else None
        for part in parts:
            if not isinstance(part, bytes):
                if part is Act.END and compressor is not None:
                    yield compressor.flush()
                yield part
                continue
            if compressor is not None:
                part = compressor.compress(part) + compressor.flush(zlib.Z_SYNC_FLUSH)
            if self.split:
                for start in range(0, len(part), self.split):
                    yield part[start : start + self.split]
            else:
                yield part


class _Events:
    def __init__(self, script: Script, model: str) -> None:
        self._script = script
        self._blank = script.newline.encode() * 2
        head = {"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 1, "model": model}
        self._head = json.dumps(head)[:-1].encode()

    def all(self) -> Iterator[bytes | float | Act]:
        script = self._script
        tokens = list(script.all_tokens())
        last = tokens.pop() if script.finish_with_content and tokens else None
        if script.first_delay:
            yield script.first_delay
        yield self._chunk({"role": "assistant", "content": ""})
        for piece in script.reasoning:
            yield from self._pace()
            yield self._chunk({script.reasoning_field: piece})
        # The usual token differs from the next in its text alone.
        head, tail = self._chunk({"content": "?"}).split(b'"?"')
        for n, token in enumerate(tokens):
            yield from self._before(n)
            yield from self._pace()
            yield head + json.dumps(token).encode() + tail
        yield from self._before(len(tokens))
        if script.finish_reason is not None:
            yield self._chunk({} if last is None else {"content": last}, script.finish_reason)
        yield from self._before(len(tokens) + 1)
        usage = script.usage
        if usage is None:
            count = len(tokens) + (last is not None)
            usage = {"prompt_tokens": 7, "completion_tokens": count, "total_tokens": 7 + count}
        if usage:
            yield self._event({"choices": [], "usage": usage})
        if script.done:
            yield b"data: [DONE]" + self._blank
        yield Act.END

    def _before(self, n: int) -> Iterator[bytes | float | Act]:
        """What comes before the n-th token; the finish_reason and what follows it count as tokens here."""
        script = self._script
        if n in script.insert:
            yield script.insert[n].encode("utf-8", "surrogateescape")
        if n in script.pauses:
            yield script.pauses[n]
        if script.fault and n == script.fault_at:
            yield from self._fault()

    def _pace(self) -> Iterator[float]:
        if self._script.rate:
            yield 1 / self._script.rate

    def _fault(self) -> Iterator[bytes | float | Act]:
        fault = self._script.fault
        if fault == "reset":
            yield Act.RESET
        elif fault == "close":
            yield Act.CLOSE
        elif fault == "hang":
            yield Act.HANG
        elif fault == "half_event":
            event = self._chunk({"content": "never"})
            yield event[: len(event) // 2]
        elif fault == "garbage":
            yield b"data: \xff\xfe\x00\x9d{\x80" + self._blank
        elif fault == "html":
            yield b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>\n"
        elif fault == "error_event":
            yield self._event({"error": self._script.error or _SERVER_ERROR})
        elif fault == "bad_framing":
            yield Act.BAD_FRAMING
            yield Act.HANG
        elif fault == "comments":
            while True:
                yield b": keep-alive" + self._blank
                yield 0.05
        elif fault == "oversized":
            yield b"data: "
            for start in range(0, self._script.size, 65536):
                yield b"x" * min(65536, self._script.size - start)
            yield Act.HANG
        yield Act.END

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        return self._event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})

    def _event(self, body: dict[str, Any]) -> bytes:
        return b"data: " + self._head + b", " + json.dumps(body)[1:].encode() + self._blank
