"""One run of the benchmark: the servers take turns, round by round, and every turn leaves a sample."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import msgspec

from tests import postgresql

from .plan import Plan
from .scenarios import Answered, Answers, FirstSeen, FirstTokens, Held, Sockets, Streamed, Streams
from .servers import Bench, Server


class Sample(msgspec.Struct):
    """All that was measured of one server in one round."""

    server: str
    round: int
    streamed: dict[float, Streamed]
    #: At the first of the rates, all streams in step.
    in_step: Streamed
    answered: Answered
    first: FirstSeen
    held: Held


class Samples(msgspec.Struct):
    """Everything that a run has measured."""

    turns: list[Sample]
    #: Of the site, by server, on PostgreSQL.
    journalled: dict[str, Streamed]


def run(plan: Plan, servers: tuple[Server, ...]) -> Samples:
    """Measures the servers. Raises CalledProcessError when one fails at something."""
    with TemporaryDirectory(prefix="bench-") as folder, ThreadPoolExecutor(plan.at_once) as pool:
        bench = Bench(Path(folder), plan.users)
        with bench.provider():
            turns = [
                pool.submit(_turn, bench, plan, server, number)
                for number in range(1, plan.rounds + 1)
                for server in servers
            ]
            journalled = pool.submit(_journalled, bench, plan, servers)
            try:
                return Samples([turn.result() for turn in turns], journalled.result())
            finally:
                # When one turn has failed, the others are for nothing.
                pool.shutdown(cancel_futures=True)


def _turn(bench: Bench, plan: Plan, server: Server, number: int) -> Sample:
    print(f"round {number} of {plan.rounds}: {server.title}", file=sys.stderr)
    database = bench.copied(f"{server.name}-{number}")
    with bench.running(server, database) as target:
        # Memory first, as long as the process has none to give away.
        held = cast("Held", bench.measure(target, Sockets(plan.idle_sockets)))
        streamed = {
            rate: cast("Streamed", bench.measure(target, Streams(plan.streams, rate, plan.seconds)))
            for rate in plan.rates
        }
        together = Streams(plan.streams, plan.rates[0], plan.seconds, in_step=True)
        in_step = cast("Streamed", bench.measure(target, together))
        answered = cast("Answered", bench.measure(target, Answers(plan.answers)))
        file = database.file if server.speaks == "chat" else ""
        first = cast("FirstSeen", bench.measure(target, FirstTokens(plan.probes, file)))
    return Sample(server.name, number, streamed, in_step, answered, first, held)


def _journalled(bench: Bench, plan: Plan, servers: tuple[Server, ...]) -> dict[str, Streamed]:
    samples = {}
    with postgresql.server() as url:
        database = bench.database(url, plan.users)
        for server in servers:
            if server.speaks == "chat":
                print(f"on PostgreSQL: {server.title}", file=sys.stderr)
                with bench.running(server, database) as target:
                    order = Streams(plan.journalled, plan.rates[0], plan.seconds, database_url=url)
                    samples[server.name] = cast("Streamed", bench.measure(target, order))
    return samples
