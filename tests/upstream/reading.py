"""Reads a body as the stream does, without a connection, and lets tests look at what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from chat.testing.scripted_upstream import ScriptedUpstream
from chat.upstream.chunks import ChunkDecoder
from chat.upstream.client import Clients
from chat.upstream.errors import UpstreamError
from chat.upstream.sse import EventSplitter
from chat.upstream.stream import UpstreamStream
from chat.upstream.types import ChatRequest, Delta, Ended, Endpoint, Usage


class Read(msgspec.Struct):
    """What a reader made of a stream."""

    text: str = ""
    reasoning: str = ""
    usage: Usage | None = None
    finish_reason: str | None = None
    done: bool = False
    error: str | None = None

    def add(self, deltas: Iterable[Delta]) -> None:
        for delta in deltas:
            self.text += delta.text
            self.reasoning += delta.reasoning
            self.usage = delta.usage or self.usage


def read_pieces(pieces: Iterable[bytes]) -> Read:
    """The events of a `text/event-stream` cut into these pieces, up to `[DONE]` or the first error."""
    splitter, decoder, read = EventSplitter(), ChunkDecoder(), Read()
    try:
        for piece in [*pieces, None]:
            for event in splitter.finish() if piece is None else splitter.feed(piece):
                delta = decoder.decode(event)
                read.add([delta] if delta else [])
                if decoder.done:
                    break
            if decoder.done:
                break
    except UpstreamError as error:
        read.error = error.code
    rest = decoder.finish()
    read.add([rest] if rest else [])
    read.finish_reason, read.done = decoder.finish_reason, decoder.done
    return read


def splits(body: bytes) -> Iterable[tuple[bytes, bytes]]:
    """The body cut in two at every place."""
    return ((body[:place], body[place:]) for place in range(len(body) + 1))


async def read_all(stream: UpstreamStream) -> tuple[list[Delta], Ended]:
    """Everything a stream gives, and its end; closes it."""
    deltas: list[Delta] = []
    try:
        while stream.ended is None:
            await stream.wait()
            deltas += stream.take()
    finally:
        await stream.aclose()
    return deltas, stream.ended


async def open_stream(
    clients: Clients, upstream: ScriptedUpstream, model: str = "m", **endpoint: Any
) -> UpstreamStream:
    """Asks the scripted upstream for an answer."""
    target = Endpoint(**{"alias": "test", "base_url": upstream.base_url, "api_key": "k-secret", **endpoint})
    request = ChatRequest(model=model, messages=[{"role": "user", "content": "Hi"}])
    return await clients.open(target, request)


async def ask(clients: Clients, upstream: ScriptedUpstream, **endpoint: Any) -> tuple[list[Delta], Ended]:
    """Opens a stream and reads it to its end."""
    return await read_all(await open_stream(clients, upstream, **endpoint))
