"""A report as tables, for the terminal and for docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from .results import Bound, Relayed, Report, Row
from .servers import ALL

_TITLES = {server.name: server.title for server in ALL}
_BEGIN, _END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"


def render(report: Report) -> str:
    """The whole report, in Markdown."""
    machine, plan = report.machine, report.plan
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    parts = [
        f"{report.at:%-d %B %Y}: {machine.processor}, {machine.cores} cores, {machine.memory_mb:,} MB, "
        f"{machine.system}, {machine.python}; {packages}.",
        f"Layout: {machine.layout}. Medians of {plan.rounds} interleaved rounds, {plan.streams} streams, "
        f"{plan.seconds:g} s each.",
    ]
    for rate in plan.rates:
        at_rate = {row.server: one for row in report.rows for one in row.relayed if one.rate == rate}
        heading = f"**{rate:g} tokens a second for each of {plan.streams} streams**"
        parts += [heading, _relayed(report, at_rate)]
    in_step = {row.server: row.in_step for row in report.rows if row.in_step is not None}
    parts += [f"**{plan.rates[0]:g} tokens a second, all streams in step**", _relayed(report, in_step)]
    parts += ["**One answer, one socket**", _apart_from_rates(report), "**Bounds**", _bounds(report)]
    return "\n\n".join(parts) + "\n"


def _relayed(report: Report, figures_of: dict[str, Relayed]) -> str:
    heads = (
        "", "CPU µs per token", "× bare relay", "cheaper than FastAPI",
        "added latency p50 ms", "p99 ms", "relayed", "payload/text",
    )  # fmt: skip
    lines: list[tuple[str, ...]] = []
    for row in report.rows:
        one = figures_of.get(row.server)
        if one is None:
            lines.append((_TITLES[row.server], "void: the bare relay fell behind"))
            continue
        figures = (one.cpu_us_per_token, one.times_the_relay, one.times_cheaper_than_fastapi)
        latencies = (one.latency_p50_ms, one.latency_p99_ms)
        lines.append(
            (
                _TITLES[row.server],
                *map(_figure, figures),
                *map(_figure, latencies),
                f"{one.share:.0%}",
                _figure(one.payload_per_text_byte),
            )
        )
    return _table(heads, lines)


def _apart_from_rates(report: Report) -> str:
    heads = (
        "", "CPU ms per answer", "first token p50 ms", "p99 ms", "question committed before",
        "KB per idle socket", "write transactions/s",
    )  # fmt: skip
    return _table(heads, [_one_line(row) for row in report.rows])


def _one_line(row: Row) -> tuple[str, ...]:
    committed = {None: "–", True: "yes", False: "NO"}[row.committed_first]
    figures = (row.cpu_ms_per_answer, row.first_token_p50_ms, row.first_token_p99_ms)
    rest = (row.idle_socket_kb, row.transactions_per_second)
    return (_TITLES[row.server], *map(_figure, figures), committed, *map(_figure, rest))


def _bounds(report: Report) -> str:
    return _table(
        ("", "server", "measured", "bound", "holds"),
        [(one.what, one.server, _figure(one.figure), _limit(one), _verdict(one)) for one in report.bounds],
    )


def _limit(bound: Bound) -> str:
    return f"{'≤' if bound.at_most else '≥'} {bound.limit:g}"


def _verdict(bound: Bound) -> str:
    if bound.figure is None:
        return "NOT MEASURED"
    return "yes" if bound.holds else "NO"


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _table(heads: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    rows = [heads, *((*line, *[""] * (len(heads) - len(line))) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    texts = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    texts.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(texts)


def publish(report: Report, folder: Path) -> None:
    """Writes the figures into `benchmarks.md`, between its marks, and `benchmarks.json` beside it."""
    page = folder / "benchmarks.md"
    before, _, rest = page.read_text().partition(_BEGIN)
    _, mark, after = rest.partition(_END)
    if not mark:
        raise ValueError(f"{page} has no marks for the figures")
    page.write_text(f"{before}{_BEGIN}\n{render(report)}\n{_END}{after}")
    save(report, folder / "benchmarks.json")


def save(report: Report, path: Path) -> None:
    """Writes all of it, the samples too, as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")


def load(path: Path) -> Report:
    return msgspec.json.decode(path.read_bytes(), type=Report)
