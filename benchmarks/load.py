"""The load client, a process of its own: reads an `Order` from stdin, writes a `Result` to stdout."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import cast

import msgspec
import psutil
import psycopg
import uvloop

from .api_viewer import ApiViewer
from .scenarios import (
    Answered,
    Answers,
    FirstSeen,
    FirstTokens,
    Held,
    Order,
    Result,
    Sockets,
    Streamed,
    Streams,
    Target,
)
from .upstream import Prompt, finish
from .viewers import ChatViewer, Tally, Viewer

#: Seconds after which a server has done what it does on occasion of a beginning or an end.
QUIET = 0.7
#: Answers begun in a second, when many are to run.
_BEGUN_PER_SECOND = 100
#: Handshakes under way at once.
_HANDSHAKES = 50


class Process:
    """The measured server, from outside."""

    def __init__(self, target: Target) -> None:
        self._process = psutil.Process(target.pid)

    @property
    def cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    @property
    def resident_bytes(self) -> int:
        return int(self._process.memory_info().rss)


@asynccontextmanager
async def viewers(target: Target, count: int, tally: Tally) -> AsyncIterator[list[Viewer]]:
    """So many open sockets, each of its own user."""
    kind = {"relay": Viewer, "chat": ChatViewer, "v1": ApiViewer}[target.speaks]
    at_once = asyncio.Semaphore(_HANDSHAKES)

    async def connect(number: int) -> Viewer:
        async with at_once:
            return await kind.connect(target, tally, number)

    opened = await asyncio.gather(*(connect(number) for number in range(count)))
    try:
        yield opened
    finally:
        for viewer in opened:
            viewer.close()


def written(prompt: Prompt) -> str:
    return msgspec.json.encode(prompt).decode()


@contextmanager
def transactions(url: str) -> Iterator[list[int]]:
    """Grows by one figure: how many transaction ids were given away while it was open."""
    grown: list[int] = []
    if not url:
        yield grown
        return
    with psycopg.connect(url, autocommit=True) as connection:
        query = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
        before = cast("tuple[int]", connection.execute(query).fetchone())[0]
        yield grown
        grown.append(cast("tuple[int]", connection.execute(query).fetchone())[0] - before)


async def stream(target: Target, order: Streams) -> Streamed:
    process, tally = Process(target), Tally()
    prompt = Prompt(rate=order.rate, group=f"of process {os.getpid()}", in_step=order.in_step)
    async with viewers(target, order.count, tally) as watching:
        await asyncio.sleep(QUIET)
        for viewer in watching:
            viewer.ask(written(prompt))
            await asyncio.sleep(1 / _BEGUN_PER_SECOND)
        await asyncio.gather(*(viewer.until_first() for viewer in watching))
        await asyncio.sleep(QUIET)
        # A handshake and its query are over before the first moment, and after the second one.
        with transactions(order.database_url) as grown:
            latencies = tally.latencies = []
            cpu, began, taken = process.cpu_seconds, time.monotonic(), tally.tokens
            await asyncio.sleep(order.seconds)
            cpu, seconds, taken = process.cpu_seconds - cpu, time.monotonic() - began, tally.tokens - taken
        tally.latencies = None
        if any(viewer.ended.done() for viewer in watching):
            raise RuntimeError("an answer ended while it was to be measured in its middle")
        await finish(target.upstream_port, prompt.group)
        await asyncio.gather(*(viewer.until_ended() for viewer in watching))
    centiles = statistics.quantiles(latencies, n=100)
    return Streamed(
        cpu_seconds=cpu,
        seconds=seconds,
        tokens=taken,
        tokens_due=order.rate * order.count * seconds,
        latency_p50_ms=centiles[49] * 1000,
        latency_p99_ms=centiles[98] * 1000,
        payload_bytes=tally.payload_bytes,
        text_bytes=tally.text_bytes,
        transactions=sum(grown),
    )


async def answer(target: Target, order: Answers) -> Answered:
    process = Process(target)
    async with viewers(target, min(order.count, 50), Tally()) as watching:
        await asyncio.sleep(QUIET)
        cpu = process.cpu_seconds
        due = time.monotonic()
        for number in range(order.count):
            viewer = watching[number % len(watching)]
            if number >= len(watching):
                await viewer.until_ended()
            viewer.ask(written(Prompt(order.tokens)))
            due += 1 / order.per_second
            await asyncio.sleep(due - time.monotonic())
        for viewer in watching:
            await viewer.until_ended()
        await asyncio.sleep(QUIET)
        return Answered(process.cpu_seconds - cpu, order.count)


async def await_first_tokens(target: Target, order: FirstTokens) -> FirstSeen:
    waits, committed = [], 0
    async with viewers(target, min(order.count, 20), Tally()) as watching:
        for number in range(order.count):
            viewer = watching[number % len(watching)]
            await asyncio.sleep(0.05)
            asked = time.monotonic()
            viewer.ask(written(Prompt(tokens=5, rate=100)))
            waits.append((await viewer.until_first() - asked) * 1000)
            if isinstance(viewer, ChatViewer) and order.database:
                committed += is_committed(viewer.question, order.database)
            await viewer.until_ended()
    centiles = statistics.quantiles(waits, n=100)
    return FirstSeen(centiles[49], centiles[98], order.count, committed)


def is_committed(question: str, database: str) -> bool:
    """Whether another process sees the user's message."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        query = "SELECT count(*) FROM llmchat_message WHERE id = ?"
        return bool(connection.execute(query, (question.replace("-", ""),)).fetchone()[0])


async def hold(target: Target, order: Sockets) -> Held:
    process = Process(target)
    async with viewers(target, order.warm, Tally()):
        await asyncio.sleep(QUIET)
    await asyncio.sleep(QUIET)
    before = process.resident_bytes
    async with viewers(target, order.count, Tally()):
        await asyncio.sleep(QUIET)
        return Held(process.resident_bytes - before, order.count)


async def carry_out(order: Order) -> Result:
    target = order.target
    match order.scenario:
        case Streams() as scenario:
            return await stream(target, scenario)
        case Answers() as scenario:
            return await answer(target, scenario)
        case FirstTokens() as scenario:
            return await await_first_tokens(target, scenario)
        case Sockets() as scenario:
            return await hold(target, scenario)


def main() -> None:
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    result = uvloop.run(carry_out(order))
    os.write(1, msgspec.json.encode(result))


if __name__ == "__main__":
    main()
