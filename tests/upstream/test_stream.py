"""Streams over real connections to the scripted upstream."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import Callable

import aiohttp
import pytest
import uvloop

from chat.testing.recordings import Recording, recordings
from chat.testing.script import Fault, Script
from chat.testing.scripted_upstream import ScriptedUpstream
from chat.upstream import stream as stream_module
from chat.upstream.client import Clients
from chat.upstream.stream import UpstreamStream
from chat.upstream.types import Usage

from .quirks import QUIRKS, Quirk, chunk
from .reading import Read, ask, open_stream, read_all

#: What becomes of a stream that a fault cuts off behind some text: code, broke off.
FAULTS: dict[Fault, tuple[str, bool]] = {
    "reset": ("upstream_unreachable", True),
    "close": ("upstream_protocol", True),
    "end": ("upstream_protocol", True),
    "half_event": ("upstream_protocol", True),
    "garbage": ("upstream_protocol", False),
    "html": ("upstream_protocol", False),
    "error_event": ("upstream_error", False),
    "bad_framing": ("upstream_protocol", False),
    "oversized": ("upstream_protocol", False),
}


@pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: quirk.name)
async def test_a_quirk_becomes_what_it_means(
    quirk: Quirk, clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    body = quirk.body.decode("utf-8", "surrogateescape")
    scripted_upstream.script(Script(body=body, content_type=quirk.content_type))
    deltas, ended = await ask(clients, scripted_upstream)
    read = Read()
    read.add(deltas)
    assert (read.text, read.reasoning) == (quirk.text, quirk.reasoning)
    assert (ended.finish_reason, ended.done) == (quirk.finish_reason, quirk.done)
    assert read.usage == (None if quirk.usage is None else Usage(*quirk.usage))
    assert (ended.error.code if ended.error else None) == quirk.error
    assert (ended.error.broke_off if ended.error else False) == quirk.broke_off


@pytest.mark.parametrize("recording", recordings(), ids=lambda recording: recording.name)
@pytest.mark.parametrize("split", [0, 1, 7, 1000])
async def test_a_recorded_answer_arrives_whole(
    recording: Recording, split: int, clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(body=recording.body.decode(), split=split, gzip=split == 1000))
    deltas, ended = await ask(clients, scripted_upstream)
    read = Read()
    read.add(deltas)
    assert (read.text, read.reasoning) == (recording.text, recording.reasoning)
    assert read.usage == Usage(*recording.usage)
    assert ended.error is None


@pytest.mark.parametrize("place", [0, 3])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_keeps_what_had_arrived_and_has_its_code(
    fault: Fault, place: int, clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    # The pause lets aiohttp hand over the response before its framing breaks.
    script = Script(fault=fault, fault_at=place, pauses={place: 0.05})
    scripted_upstream.script(script)
    deltas, ended = await ask(clients, scripted_upstream)
    assert "".join(delta.text for delta in deltas) == "".join(list(script.all_tokens())[:place])
    assert ended.error is not None
    assert (ended.error.code, ended.error.broke_off) == FAULTS[fault]


@pytest.mark.parametrize("fault", ["reset", "end"])
async def test_a_body_that_ends_with_its_connection_tells_reset_from_end(
    fault: Fault, clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(fault=fault, fault_at=3, pauses={3: 0.05}, framing="close"))
    deltas, ended = await ask(clients, scripted_upstream)
    assert len(deltas) == 3
    assert ended.error is not None
    assert (ended.error.code, ended.error.broke_off) == FAULTS[fault]


async def test_a_reset_takes_nothing_of_what_had_arrived_before_it_was_read(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    # A reset discards what the sender's kernel still holds; the pause lets all of it arrive.
    script = Script(count=20, fault="reset", fault_at=20, pauses={20: 0.1})
    scripted_upstream.script(script)
    stream = await open_stream(clients, scripted_upstream)
    # Nobody reads while the reset arrives.
    assert stream._protocol is not None
    if (closed := stream._protocol.closed) is not None:
        await asyncio.wait([closed])
        assert isinstance(closed.exception(), aiohttp.ClientError)
    assert not stream._protocol.connected
    deltas = stream.take()
    assert "".join(delta.text for delta in deltas) == script.text
    assert stream.ended is not None
    assert stream.ended.error is not None
    assert stream.ended.error.code == "upstream_unreachable"


async def test_a_reset_behind_the_finish_reason_does_no_harm(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(count=2, fault="reset", fault_at=3, pauses={3: 0.05}))
    _, ended = await ask(clients, scripted_upstream)
    assert (ended.finish_reason, ended.done, ended.error) == ("stop", False, None)


async def test_comments_behind_the_finish_reason_are_silence(
    clients: Clients, scripted_upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "FINISH_GRACE", 0.2)
    scripted_upstream.script(Script(count=2, fault="comments", fault_at=3))
    async with asyncio.timeout(5):
        deltas, ended = await ask(clients, scripted_upstream)
    assert "".join(delta.text for delta in deltas) == "token0 token1 "
    assert (ended.finish_reason, ended.done, ended.error) == ("stop", False, None)


async def test_silence_behind_the_finish_reason_ends_the_answer_after_a_grace(
    clients: Clients, scripted_upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "FINISH_GRACE", 0.1)
    monkeypatch.setattr(stream_module, "LOOK_SECONDS", 0.02)
    scripted_upstream.script(Script(count=2, fault="hang", fault_at=3))
    deltas, ended = await ask(clients, scripted_upstream)
    assert "".join(delta.text for delta in deltas) == "token0 token1 "
    assert (ended.finish_reason, ended.done, ended.error) == ("stop", False, None)


async def test_usage_that_comes_late_is_waited_for(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(count=2, pauses={3: 0.2}))
    deltas, ended = await ask(clients, scripted_upstream)
    assert deltas[-1].usage == Usage(7, 2)
    assert ended.done


async def test_take_gives_at_once_what_has_arrived_and_no_more(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(count=2, fault="hang", fault_at=2))
    stream = await open_stream(clients, scripted_upstream)
    await stream.wait()
    taken = stream.take()
    while len(taken) < 2:
        await stream.wait()
        taken += stream.take()
    assert [delta.text for delta in taken] == ["token0 ", "token1 "]
    assert stream.take() == []
    assert stream.ended is None
    await stream.aclose()


async def test_cancelling_a_wait_loses_nothing(clients: Clients, scripted_upstream: ScriptedUpstream) -> None:
    script = Script(count=200, rate=1000, split=5)
    scripted_upstream.script(script)
    stream = await open_stream(clients, scripted_upstream)
    text = ""
    while stream.ended is None:
        waiting = asyncio.create_task(stream.wait())
        await asyncio.sleep(0.001)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        text += "".join(delta.text for delta in stream.take())
    assert text == script.text


async def test_taking_while_another_task_waits_loses_nothing(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    script = Script(count=100, rate=500)
    scripted_upstream.script(script)
    stream = await open_stream(clients, scripted_upstream)
    woken = 0

    async def wait() -> None:
        nonlocal woken
        while stream.ended is None:
            await stream.wait()
            woken += 1
            await asyncio.sleep(0.003)

    waiting = asyncio.create_task(wait())
    text = ""
    while stream.ended is None:
        text += "".join(delta.text for delta in stream.take())
        await asyncio.sleep(0.001)
    await waiting
    assert text == script.text
    assert woken


async def test_two_waiters_are_refused(clients: Clients, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.script(Script(fault="hang"))
    stream = await open_stream(clients, scripted_upstream)
    await stream.wait()
    stream.take()
    first = asyncio.create_task(stream.wait())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="waits for this stream already"):
        await stream.wait()
    first.cancel()
    await stream.aclose()


@pytest.mark.parametrize("place", [-1, 0, 5])
async def test_the_provider_sees_a_close_within_half_a_second(
    place: int, clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(fault="hang", fault_at=place))
    opening = asyncio.create_task(open_stream(clients, scripted_upstream))
    await scripted_upstream.await_requests(1)
    if place < 0:
        closed_at = time.monotonic()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
    else:
        stream = await opening
        await stream.wait()
        closed_at = time.monotonic()
        await stream.aclose()
    seen = await scripted_upstream.await_closed(timeout=2)
    assert seen.closed_by == "client"
    assert seen.closed_at is not None
    assert seen.closed_at - closed_at < 0.5


async def test_the_provider_sees_the_close_of_a_stream_in_full_flow(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(count=1_000_000))
    stream = await open_stream(clients, scripted_upstream)
    while not stream.take():
        await stream.wait()
    closed_at = time.monotonic()
    await stream.aclose()
    seen = await scripted_upstream.await_closed(timeout=2)
    assert seen.closed_by == "client"
    assert seen.closed_at is not None
    assert seen.closed_at - closed_at < 0.5
    assert scripted_upstream.connections == 0


async def test_closing_twice_and_after_cancellation_is_fine(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(fault="hang"))
    stream = await open_stream(clients, scripted_upstream)

    async def hold() -> None:
        try:
            while True:
                await stream.wait()
                stream.take()
        finally:
            await asyncio.shield(stream.aclose())

    holder = asyncio.create_task(hold())
    await asyncio.sleep(0)
    holder.cancel()
    await asyncio.gather(holder, return_exceptions=True)
    await stream.aclose()
    assert (await scripted_upstream.await_closed(timeout=1)).closed_by == "client"
    await asyncio.wait_for(stream.wait(), 1)


async def test_after_done_the_connection_is_used_again(
    clients: Clients, scripted_upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "REUSE_GRACE", 5)
    for _ in range(5):
        stream = await open_stream(clients, scripted_upstream)
        await read_all(stream)
        async with asyncio.timeout(5):
            await stream._content.wait_eof()
    assert len(scripted_upstream.seen) == 5
    assert scripted_upstream.connections == 1


async def test_after_done_a_provider_that_does_not_end_the_response_loses_its_connection(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    body = (chunk("Hi") + b"data: [DONE]\n\n").decode()
    scripted_upstream.script(Script(body=body, body_ends=False))
    _, ended = await ask(clients, scripted_upstream)
    assert ended.error is None
    seen = await scripted_upstream.await_closed(timeout=2)
    assert seen.closed_by == "client"


async def test_a_closed_stream_that_broke_off_leaves_no_connection(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(fault="garbage", fault_at=3))
    await ask(clients, scripted_upstream)
    await scripted_upstream.await_idle()
    scripted_upstream.script(Script(fault="oversized", fault_at=3))
    await ask(clients, scripted_upstream)
    assert (await scripted_upstream.await_closed()).closed_by == "client"


async def test_an_endless_line_does_not_fill_the_memory(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(fault="oversized", fault_at=1, size=60_000_000))
    tracemalloc.start()
    try:
        deltas, ended = await ask(clients, scripted_upstream)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [delta.text for delta in deltas] == ["token0 "]
    assert ended.error is not None
    assert ended.error.code == "upstream_protocol"
    assert peak < 8_000_000
    seen = await scripted_upstream.await_closed()
    assert seen.bytes_sent < 20_000_000


async def test_a_stream_that_is_not_read_is_held_back(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(count=1000, pattern="x" * 60_000))
    stream = await open_stream(clients, scripted_upstream)
    before, sent = -1, 0
    while sent != before:
        await asyncio.sleep(0.1)
        before, sent = sent, scripted_upstream.seen[0].bytes_sent
    assert sent < 20_000_000
    deltas, ended = await read_all(stream)
    assert sum(len(delta.text) for delta in deltas) == 60_000_000
    assert ended.error is None


async def test_the_caps_are_the_endpoint_s(clients: Clients, scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.script(Script(tokens=["a", "x" * 2000]))
    deltas, ended = await ask(clients, scripted_upstream, max_line_bytes=1000)
    assert [delta.text for delta in deltas] == ["a"]
    assert ended.error is not None
    assert ended.error.code == "upstream_protocol"


async def test_a_document_beyond_the_cap_is_refused(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(body='{"x":"' + "x" * 2000, content_type="application/json"))
    deltas, ended = await ask(clients, scripted_upstream, max_event_bytes=1000)
    assert deltas == []
    assert ended.error is not None
    assert ended.error.code == "upstream_protocol"
    assert not ended.error.broke_off


async def test_a_flaw_in_decoding_ends_one_answer_and_not_the_tick(
    clients: Clients, scripted_upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: UpstreamStream, data: bytes, deltas: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(UpstreamStream, "_feed", fail)
    deltas, ended = await ask(clients, scripted_upstream)
    assert deltas == []
    assert ended.error is not None
    assert (ended.error.code, ended.error.log_detail) == ("upstream_protocol", "ZeroDivisionError()")


async def test_a_broken_compression_is_unusable(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(body="this is not compressed", headers={"Content-Encoding": "gzip"}))
    deltas, ended = await ask(clients, scripted_upstream)
    assert deltas == []
    assert ended.error is not None
    assert ended.error.code == "upstream_protocol"
    assert not ended.error.broke_off


async def test_compressed_tokens_do_not_wait_for_each_other(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(gzip=True, fault="hang", fault_at=3))
    stream = await open_stream(clients, scripted_upstream)
    taken = 0
    async with asyncio.timeout(2):
        while taken < 3:
            await stream.wait()
            taken += len(stream.take())
    await stream.aclose()


@pytest.mark.parametrize(
    "new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
@pytest.mark.parametrize("fault", ["", "reset", "end"])
def test_a_resting_stream_takes_nothing_in_and_loses_nothing(
    fault: Fault,
    new_loop: Callable[[], asyncio.AbstractEventLoop],
    scripted_upstream: ScriptedUpstream,
) -> None:
    async def main() -> None:
        clients = Clients()
        script = Script(count=20, pauses={1: 0.05, 20: 0.05}, fault=fault, fault_at=20)
        scripted_upstream.script(script)
        stream = await open_stream(clients, scripted_upstream)
        while not (deltas := stream.take()):
            await stream.wait()
        stream.rest()
        await scripted_upstream.await_closed() if fault else await scripted_upstream.await_idle()
        assert stream.take() == []
        # A tick: listen, let the loop look at its sockets, take.
        async with asyncio.timeout(10):
            while stream.ended is None:
                stream.listen()
                for _ in range(2):
                    await asyncio.sleep(0)
                deltas += stream.take()
                stream.rest()
                await asyncio.sleep(0.01)
        await stream.aclose()
        await clients.aclose()
        assert "".join(delta.text for delta in deltas) == script.text
        assert stream.ended is not None
        assert (stream.ended.error is None) == (not fault)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
