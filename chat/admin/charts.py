"""Charts as the numbers of an SVG, 1000 by 200, that the template draws; no script, no inline style."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from django.utils.formats import date_format

WIDTH, HEIGHT = 1000, 200
#: More columns than this are put together, several days in one.
MAX_COLUMNS = 92


class Bar(msgspec.Struct):
    """A column, and what it says where the pointer rests."""

    x: float
    y: float
    width: float
    height: float
    label: str


class Line(msgspec.Struct):
    """A curve; several where days between have no value. `last` is the label at its end."""

    name: str
    paths: list[str]
    last: str


class Chart(msgspec.Struct):
    """`top` is the value of the upper edge, `marks` are the dates below the axis."""

    title: str
    total: str
    top: str
    marks: list[str]
    bars: list[Bar] = []
    lines: list[Line] = []

    @property
    def empty(self) -> bool:
        return not any(bar.height for bar in self.bars) and not any(line.paths for line in self.lines)


def columns(days: Sequence[datetime.date]) -> list[list[datetime.date]]:
    """The days, put together so that there are no more columns than can be told apart."""
    size = math.ceil(len(days) / MAX_COLUMNS)
    return [list(days[start : start + size]) for start in range(0, len(days), size)]


def bars(
    title: str,
    total: str,
    spans: list[list[datetime.date]],
    values: Sequence[float],
    show: Callable[[Any], str],
) -> Chart:
    """One column for each span of days; all of them zero gives an empty chart."""
    top = nice(max(values, default=0))
    step = WIDTH / max(1, len(spans))
    gap = min(4.0, step * 0.2)
    drawn = [
        Bar(
            x=round(index * step + gap / 2, 2),
            y=round(HEIGHT - HEIGHT * value / top, 2) if top else HEIGHT,
            width=round(step - gap, 2),
            height=round(HEIGHT * value / top, 2) if top else 0,
            label=f"{name_of(span)}: {show(value)}",
        )
        for index, (span, value) in enumerate(zip(spans, values, strict=True))
    ]
    return Chart(title, total, show(top), marks(spans), bars=drawn)


def lines(
    title: str,
    spans: list[list[datetime.date]],
    series: Mapping[str, Sequence[float | None]],
    show: Callable[[Any], str],
) -> Chart:
    """Curves over the same spans; None is a gap."""
    top = nice(max((value for values in series.values() for value in values if value is not None), default=0))
    step = WIDTH / max(1, len(spans))
    drawn = []
    for name, values in series.items():
        points = [
            None if value is None or not top else (index * step + step / 2, HEIGHT - HEIGHT * value / top)
            for index, value in enumerate(values)
        ]
        known = [value for value in values if value is not None]
        drawn.append(Line(name, _curve(points), show(known[-1]) if known else ""))
    return Chart(title, "", show(top), marks(spans), lines=drawn)


def _curve(points: Sequence[tuple[float, float] | None]) -> list[str]:
    """Paths through neighbouring points; a point without a neighbour becomes a dash."""
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [
        "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in run)
        if len(run) > 1
        else f"M{run[0][0] - 4:.1f} {run[0][1]:.1f}h8"
        for run in runs
        if run
    ]


def nice(value: float) -> float:
    """The next round number from `value` on: 1, 2, 2.5 or 5 times a power of ten."""
    if value <= 0:
        return 0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 2.5, 5, 10) if power * step >= value * (1 - 1e-9))


def marks(spans: list[list[datetime.date]]) -> list[str]:
    """The first day, one in the middle, the last day."""
    if not spans:
        return []
    days = [spans[0][0], spans[len(spans) // 2][0], spans[-1][-1]]
    return [date_format(day, "MONTH_DAY_FORMAT") for day in days] if len(spans) > 2 else [name_of(spans[0])]


def name_of(span: list[datetime.date]) -> str:
    """A day, or from one to another."""
    first = date_format(span[0], "SHORT_DATE_FORMAT")
    return first if len(span) == 1 else f"{first} to {date_format(span[-1], 'SHORT_DATE_FORMAT')}"
