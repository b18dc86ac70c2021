"""The provider: as many tokens, as fast as the prompt says, each stamped with the time of its writing.

Its events look like those of OpenAI's API, so that decoding them costs what it costs there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from typing import cast

import msgspec
import uvloop

from .stamps import stamp

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_CHUNK = {
    "id": "chatcmpl-bench0123456789abcdefghijklmn",
    "object": "chat.completion.chunk",
    "created": 1700000000,
    "model": "bench",
    "service_tier": "default",
    "system_fingerprint": "fp_0123456789",
}


class Prompt(msgspec.Struct):
    """What a user message asks for: so many tokens, so many a second; a rate of 0 gives all at once.

    Without `tokens` they go on until `finish` of their `group`.
    """

    tokens: int | None = None
    rate: float = 0
    group: str = ""
    #: Each token at the same moment as those of all other streams that want this.
    in_step: bool = False


async def finish(port: int, group: str) -> None:
    """Lets the provider on `port` end all answers of a group."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST /finish HTTP/1.1\r\nContent-Length: {len(group)}\r\n\r\n{group}".encode())
    await reader.read()
    writer.close()


def _event(choices: list[object], **fields: object) -> bytes:
    chunk = json.dumps({**_CHUNK, "choices": choices, **fields}, separators=(",", ":"))
    return _in_chunk(f"data: {chunk}\n\n".encode())


def _in_chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _choice(delta: dict[str, object], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _event([choice], usage=None)


_ROLE = _choice({"role": "assistant", "content": "", "refusal": None})
_FINISH = _choice({}, "stop")
# Written thousands of times a second: of a token's event, only the token is not there yet.
_BEFORE, _BEHIND = (part.decode() for part in _choice({"content": stamp(0)}).split(stamp(0).encode()))
_END = _in_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


class Connection(asyncio.Protocol):
    """Answers the requests of one connection, one after the other."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._received = b""
        self._written = 0
        self._wanted = 0.0
        self.group = ""
        self._wants_usage = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._steps.leave(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank:
            return
        headers = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
        length = int(headers[b"content-length"])
        if len(body) < length:
            return
        self._received = body[length:]
        if head.startswith(b"POST /finish "):
            self._steps.finish(body.decode())
            self._transport.close()
        else:
            self._answer(msgspec.json.decode(body[:length]))

    def _answer(self, request: dict[str, object]) -> None:
        messages = msgspec.convert(request["messages"], list[dict[str, str]])
        prompt = msgspec.json.decode(messages[-1]["content"], type=Prompt)
        self._written = 0
        self._wanted = float("inf") if prompt.tokens is None else prompt.tokens
        self.group = prompt.group
        self._wants_usage = "stream_options" in request
        self._transport.write(_HEAD + _ROLE)
        going_on = self.write_token()
        if prompt.rate and going_on:
            self._steps.join(self, prompt.rate, in_step=prompt.in_step)
        while not prompt.rate and going_on:
            going_on = self.write_token()

    def write_token(self) -> bool:
        """Writes the next token, and behind the last one the end; whether there are more."""
        self._transport.write(f"{_BEFORE}{stamp(time.monotonic())}{_BEHIND}".encode())
        self._written += 1
        if self._written < self._wanted:
            return True
        self.end()
        return False

    def end(self) -> None:
        """Ends the answer."""
        self._transport.write(_FINISH)
        if self._wants_usage:
            usage = {"prompt_tokens": 7, "completion_tokens": self._written}
            self._transport.write(_event([], usage=usage))
        self._transport.write(_END)


class Steps:
    """Writes the tokens of all streams, each at its own moments unless they are to be in step.

    Streams of different people begin independently, so that a relay is woken for every single token. One
    that gets a token of every stream at once, as from an engine that computes them in one batch and sends
    them in one go, is woken fifty times less.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._streams: set[Connection] = set()

    def join(self, stream: Connection, rate: float, *, in_step: bool) -> None:
        """Goes on with `stream`, at `rate` tokens a second."""
        self._streams.add(stream)
        now = self._loop.time()
        # Anywhere between two tokens: begun one after the other, all would be nearly in step.
        due = now + (1 / rate - now % (1 / rate) if in_step else random.uniform(0, 1 / rate))
        self._loop.call_at(due, self._step, stream, 1 / rate, due)

    def leave(self, stream: Connection) -> None:
        self._streams.discard(stream)

    def finish(self, group: str) -> None:
        """Ends all answers of a group."""
        for stream in [stream for stream in self._streams if stream.group == group]:
            stream.end()
            self._streams.discard(stream)

    def _step(self, stream: Connection, interval: float, due: float) -> None:
        while due <= self._loop.time():
            if stream not in self._streams or not stream.write_token():
                self._streams.discard(stream)
                return
            due += interval
        self._loop.call_at(due, self._step, stream, interval, due)


async def serve(port: int) -> None:
    steps = Steps()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(steps), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
