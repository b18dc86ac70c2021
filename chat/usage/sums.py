"""The sums over rows of the ledger, as the database can make them in one pass."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
from django.db.models import BigIntegerField, Case, Count, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce

from ..models import UsageRecord

COUNTED = ("answers", "attempts", "failed", "unpriced", "estimated")
HISTOGRAMS = ("first_tokens", "rates", "errors")
SUMMED = ("prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens")


class Sums(msgspec.Struct):
    """What a number of attempts came to.

    The histograms have the lower bound of a step as key, in digits as JSON has it: a year of them is added
    up, and as many conversions would take longer than all of that.
    """

    answers: int = 0
    attempts: int = 0
    failed: int = 0
    unpriced: int = 0
    estimated: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cost: Decimal = Decimal(0)
    first_tokens: Counter[str] = msgspec.field(default_factory=Counter)
    rates: Counter[str] = msgspec.field(default_factory=Counter)
    errors: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def merge(self, other: Sums) -> None:
        """Adds other sums."""
        self.add(msgspec.structs.asdict(other))

    def add(self, row: dict[str, Any]) -> None:
        """Adds a row of `aggregated`, or of the table of sums."""
        for name in (*COUNTED, *SUMMED):
            setattr(self, name, getattr(self, name) + row[name])
        self.cost += row["cost"]
        attempts = row["attempts"]
        if (step := row.get("first_step")) is not None:
            self.first_tokens[str(step)] += attempts
        if (step := row.get("rate_step")) is not None:
            self.rates[str(step)] += attempts
        if code := row.get("error_code"):
            self.errors[code] += attempts
        for name in HISTOGRAMS:
            if told := row.get(name):
                getattr(self, name).update(told)


def combined(rows: Iterable[dict[str, Any]], *by: str) -> dict[tuple[Any, ...], Sums]:
    """The sums of `rows` by the values of their columns `by`."""
    found: dict[tuple[Any, ...], Sums] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in by), Sums()).add(row)
    return found


def aggregated(records: QuerySet[Any], *by: str) -> QuerySet[Any, Any]:
    """Rows of sums by the columns `by`; with the steps of the histograms among them, by these too."""
    rows: QuerySet[Any, Any] = records.order_by().values(*by).annotate(**_AGGREGATES)
    return rows


def with_steps(records: QuerySet[UsageRecord]) -> QuerySet[Any]:
    """Adds `first_step` and `rate_step`, to two significant digits; null where there is nothing to tell."""
    writing = F("total_ms") - F("first_token_ms")
    rate = Case(
        When(
            Q(first_token_ms__isnull=False, total_ms__gt=F("first_token_ms"), completion_tokens__gt=0),
            then=F("completion_tokens") * 1000 / writing,
        ),
        output_field=BigIntegerField(),
    )
    rows: QuerySet[Any] = records.annotate(rate=rate).annotate(
        first_step=_step("first_token_ms", (1_000, 20), (10_000, 200), (None, 2_000)),
        rate_step=_step("rate", (100, 2), (1_000, 20), (None, 200)),
    )
    return rows


def _step(name: str, *widths: tuple[int | None, int]) -> Case:
    *below, (_, last) = widths
    return Case(
        When(Q(**{f"{name}__isnull": True}), then=Value(None)),
        *(When(Q(**{f"{name}__lt": bound}), then=F(name) / width * width) for bound, width in below),
        default=F(name) / last * last,
        output_field=BigIntegerField(),
    )


_AGGREGATES: dict[str, Any] = {
    "answers": Count("pk", filter=Q(attempt=1)),
    "attempts": Count("pk"),
    "failed": Count("pk", filter=~Q(error_code="")),
    "unpriced": Count("pk", filter=Q(cost__isnull=True)),
    "estimated": Count("pk", filter=Q(estimated=True)),
    **{name: Coalesce(Sum(name), 0) for name in SUMMED},
    "cost": Sum("cost", default=Decimal(0)),
}


def percentile(histogram: Counter[str], share: float) -> int | None:
    """The value below which `share` of all lie, to the histogram's precision; None where there are none."""
    wanted = share * sum(histogram.values())
    seen = 0
    for value, count in sorted((int(step), count) for step, count in histogram.items()):
        seen += count
        if seen >= wanted:
            return value
    return None


def days_between(since: datetime.date, until: datetime.date) -> list[datetime.date]:
    """All days from `since` to `until`, both included."""
    return [since + datetime.timedelta(days=n) for n in range((until - since).days + 1)]
