"""From samples to figures, and from figures to a verdict on each bound."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from statistics import median

import msgspec

from .machine import Machine
from .plan import Plan
from .rounds import Sample, Samples
from .scenarios import Streamed
from .servers import DAPHNE, FASTAPI, RELAY, UVICORN, V1

#: Of the tokens due; with fewer, a relay has fallen behind.
_KEEPS_UP = 0.98


class Relayed(msgspec.Struct):
    """One server at one rate: medians of the rounds in which the bare relay kept up."""

    rate: float
    rounds: int
    cpu_us_per_token: float
    #: Medians of the ratios of each round; None when the other one was not measured.
    times_the_relay: float | None
    times_cheaper_than_fastapi: float | None
    latency_p50_ms: float
    latency_p99_ms: float
    #: Tokens relayed, of those that were due.
    share: float
    payload_per_text_byte: float


class Row(msgspec.Struct):
    """One server."""

    server: str
    relayed: list[Relayed]
    #: At the first rate, a token of every stream at once.
    in_step: Relayed | None
    cpu_ms_per_answer: float
    first_token_p50_ms: float
    first_token_p99_ms: float
    #: Whether every question stood in the database before its first token was there; None without one.
    committed_first: bool | None
    idle_socket_kb: float
    #: On PostgreSQL, of the site only.
    transactions_per_second: float | None = None


class Bound(msgspec.Struct):
    """What was promised, and whether it holds; `figure` is None when it could not be measured."""

    what: str
    server: str
    figure: float | None
    limit: float
    at_most: bool = True

    @property
    def holds(self) -> bool:
        if self.figure is None:
            return False
        return self.figure <= self.limit if self.at_most else self.figure >= self.limit


class Report(msgspec.Struct):
    """A run: where, how, what came out, and all that it came from."""

    at: datetime.datetime
    machine: Machine
    plan: Plan
    rows: list[Row]
    bounds: list[Bound]
    samples: Samples


def report(machine: Machine, plan: Plan, samples: Samples) -> Report:
    servers = dict.fromkeys(sample.server for sample in samples.turns)
    rows = [_row(server, plan, samples) for server in servers]
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    return Report(now, machine, plan, rows, _bounds(rows, plan), samples)


def _row(server: str, plan: Plan, samples: Samples) -> Row:
    turns = [sample for sample in samples.turns if sample.server == server]
    at_rates = [_relayed(server, rate, samples.turns, in_step=False) for rate in plan.rates]
    journalled = samples.journalled.get(server)
    committed = {turn.first.committed == turn.first.answers for turn in turns}
    return Row(
        server=server,
        relayed=[one for one in at_rates if one is not None],
        in_step=_relayed(server, plan.rates[0], samples.turns, in_step=True),
        # The kernel counts hundredths of a second; what their difference has beyond that is the float's.
        cpu_ms_per_answer=median(
            round(turn.answered.cpu_seconds, 2) / turn.answered.answers * 1e3 for turn in turns
        ),
        first_token_p50_ms=median(turn.first.p50_ms for turn in turns),
        first_token_p99_ms=median(turn.first.p99_ms for turn in turns),
        committed_first=committed == {True} if server in (DAPHNE.name, UVICORN.name) else None,
        idle_socket_kb=median(turn.held.bytes / turn.held.sockets / 1024 for turn in turns),
        transactions_per_second=journalled.transactions / journalled.seconds if journalled else None,
    )


def _relayed(server: str, rate: float, turns: list[Sample], *, in_step: bool) -> Relayed | None:
    """None when the bare relay fell behind in more than half of the rounds: the row is void."""
    rounds: dict[int, dict[str, Streamed]] = {}
    for turn in turns:
        rounds.setdefault(turn.round, {})[turn.server] = turn.in_step if in_step else turn.streamed[rate]
    valid = [
        streamed for streamed in rounds.values() if RELAY.name in streamed and _keeps_up(streamed[RELAY.name])
    ]
    if 2 * len(valid) <= len(rounds):
        return None
    own = [streamed[server] for streamed in valid]
    return Relayed(
        rate=rate,
        rounds=len(valid),
        cpu_us_per_token=median(cost(one) for one in own),
        times_the_relay=_ratio(valid, server, RELAY.name),
        times_cheaper_than_fastapi=_ratio(valid, FASTAPI.name, server),
        latency_p50_ms=median(one.latency_p50_ms for one in own),
        latency_p99_ms=median(one.latency_p99_ms for one in own),
        share=median(one.tokens / one.tokens_due for one in own),
        payload_per_text_byte=median(one.payload_bytes / one.text_bytes for one in own),
    )


def cost(streamed: Streamed) -> float:
    """Microseconds of CPU for each token that was relayed."""
    return streamed.cpu_seconds / streamed.tokens * 1e6


def _keeps_up(streamed: Streamed) -> bool:
    return streamed.tokens >= _KEEPS_UP * streamed.tokens_due


def _ratio(rounds: Iterable[dict[str, Streamed]], above: str, below: str) -> float | None:
    """The median of the rounds' ratios: what disturbs a round disturbs both."""
    ratios = [cost(one[above]) / cost(one[below]) for one in rounds if above in one and cost(one[below])]
    return median(ratios) if ratios else None


def _bounds(rows: list[Row], plan: Plan) -> list[Bound]:
    """What is promised of the site, on either server."""
    bounds: list[Bound] = []
    for server, times_the_relay, times_cheaper in ((DAPHNE, 4.5, 3.0), (UVICORN, 3.0, 5.0)):
        row = next((row for row in rows if row.server == server.name), None)
        if row is None:
            continue
        at_rate = {one.rate: one for one in row.relayed}
        own: list[Bound] = []
        for rate in plan.rates:
            one, cpu = at_rate.get(rate), f"CPU per token at {rate:g} tokens/s"
            dearer, cheaper = (
                (one.times_the_relay, one.times_cheaper_than_fastapi) if one is not None else (None, None)
            )
            own += [
                Bound(f"{cpu}: times the bare relay's", server.name, dearer, times_the_relay),
                Bound(
                    f"{cpu}: times cheaper than FastAPI", server.name, cheaper, times_cheaper, at_most=False
                ),
            ]
        first = row.first_token_p50_ms if row.committed_first else None
        slow = at_rate.get(plan.rates[0])
        wire = slow.payload_per_text_byte if slow is not None else None
        bounds += [
            *own,
            Bound("CPU per answer, its beginning and end (ms)", server.name, row.cpu_ms_per_answer, 12),
            Bound("first token later by, question committed (ms, p50)", server.name, first, 10),
            Bound("an idle socket (KB)", server.name, row.idle_socket_kb, 40),
            Bound(f"payload for a byte of text at {plan.rates[0]:g} tokens/s (bytes)", server.name, wire, 3),
            Bound(
                f"write transactions a second, {plan.journalled} answers",
                server.name,
                row.transactions_per_second,
                10,
            ),
        ]
    return bounds + _bounds_of_v1(rows, plan)


def _bounds_of_v1(rows: list[Row], plan: Plan) -> list[Bound]:
    """What is promised of OpenAI's API."""
    row = next((row for row in rows if row.server == V1.name), None)
    if row is None:
        return []
    at_rate = {one.rate: one.times_the_relay for one in row.relayed}
    what = "CPU per token at {:g} tokens/s: times the bare relay's"
    return [Bound(what.format(rate), V1.name, at_rate.get(rate), 3.0) for rate in plan.rates]
