"""The figures of a span of days: from the sums where there are some, from the ledger for what has none yet.

The number of queries does not depend on the number of rows, days or users.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

import msgspec
from django.contrib.auth import get_user_model
from django.db.models import DateField, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from ..models import UsageSum
from .rollup import records_of, summed_until, today
from .sums import COUNTED, HISTOGRAMS, SUMMED, Sums, aggregated, combined, with_steps

Scope = UsageSum.Scope
#: Users and groups that a page names; of more, those who took most.
TOP = 20
_NAMES = (*COUNTED, *SUMMED, "cost")
_STEPS = ("error_code", "first_step", "rate_step")


class Report(msgspec.Struct):
    """`models` are by provider and model, `owners` by key (None: guests), `groups` by name.

    `models`, `owners` or `groups` are None where they cannot be told for what was asked.
    """

    since: datetime.date
    until: datetime.date
    days: dict[datetime.date, Sums]
    total: Sums
    models: dict[tuple[str, str], Sums] | None = None
    owners: dict[Any, Sums] | None = None
    groups: dict[str, Sums] | None = None


class Wanted(msgspec.Struct):
    """What a report is about: a span of days, both included, and of whom or what."""

    since: datetime.date
    until: datetime.date
    provider: str = ""
    model: str = ""
    owner: Any = None
    group: int | None = None
    #: The last day that is summed; looked up by `report`.
    summed: datetime.date | None = None


def report(wanted: Wanted, *, groups: bool = False) -> Report:
    """The figures; with `groups` also those of each group of the site."""
    wanted.summed = summed_until()
    if wanted.owner is not None:
        return _of_owner(wanted)
    if wanted.group is not None:
        return _of_group(wanted)
    rows = [*_summed(Scope.MODEL, wanted), *_live(wanted)]
    if wanted.model:
        rows = [row for row in rows if (row["provider"], row["model"]) == (wanted.provider, wanted.model)]
    found = _report(wanted, rows)
    if not wanted.model:
        owners = _owners(wanted)
        found.owners = _most(owners)
        found.groups = _groups(owners) if groups else None
    return found


def owners_of(wanted: Wanted) -> dict[Any, Sums]:
    """Of each user, those who took most first: all of them, for a file and not for a page.

    Of one model straight from the ledger, in time with the number of its requests.
    """
    wanted.summed = summed_until()
    if wanted.owner is not None:
        return {wanted.owner: _of_owner(wanted).total}
    if not wanted.model:
        return _ranked(_owners(wanted) if wanted.group is None else _by_owner(_rows_of_group(wanted)))
    records = records_of(wanted.since, wanted.until).filter(provider=wanted.provider, model=wanted.model)
    if wanted.group is not None:
        records = records.filter(owner__in=_members(wanted))
    return _ranked(_by_owner(aggregated(records, "owner")))


def _report(wanted: Wanted, rows: list[dict[str, Any]]) -> Report:
    days = {start: sums for (start,), sums in combined(rows, "start").items()}
    models = {
        (provider, model): sums for (provider, model), sums in combined(rows, "provider", "model").items()
    }
    total = Sums()
    for sums in models.values():
        total.merge(sums)
    return Report(wanted.since, wanted.until, days, total, models=models)


def _of_owner(wanted: Wanted) -> Report:
    """One user's, straight from the ledger, whose index knows its owners."""
    records = records_of(wanted.since, wanted.until).filter(owner=wanted.owner)
    if wanted.model:
        records = records.filter(provider=wanted.provider, model=wanted.model)
    return _report(wanted, _by_day(records, "provider", "model", *_STEPS))


def _members(wanted: Wanted) -> QuerySet[Any, Any]:
    members: QuerySet[Any, Any] = get_user_model()._default_manager.filter(groups=wanted.group).values("pk")
    return members


def _rows_of_group(wanted: Wanted) -> list[dict[str, Any]]:
    members = _members(wanted)
    rows = list(
        _span(wanted, Scope.OWNER).filter(owner__in=members).values("start", "owner").annotate(**_SUMS)
    )
    live = _live_span(wanted)
    found = [_unsum(row) for row in rows]
    if live is not None:
        found += _by_day(records_of(*live).filter(owner__in=members), "owner")
    return found


def _of_group(wanted: Wanted) -> Report:
    found = _rows_of_group(wanted)
    days = {start: sums for (start,), sums in combined(found, "start").items()}
    owners = _by_owner(found)
    total = combined(({**row, "all": 0} for row in found), "all").get((0,), Sums())
    return Report(wanted.since, wanted.until, days, total, owners=_most(owners))


def _owners(wanted: Wanted) -> dict[Any, Sums]:
    """Of each user; whole months are read as such."""
    rows: QuerySet[Any, Any] = _months_and_days(wanted).values("owner").annotate(**_SUMS)
    found = [_unsum(row) for row in rows]
    if (live := _live_span(wanted)) is not None:
        found += aggregated(records_of(*live), "owner")
    return _by_owner(found)


def _by_owner(rows: Iterable[dict[str, Any]]) -> dict[Any, Sums]:
    return {owner: sums for (owner,), sums in combined(rows, "owner").items()}


def _groups(owners: dict[Any, Sums]) -> dict[str, Sums]:
    """Of each group; who is in two counts in both."""
    found: dict[str, Sums] = {}
    members = get_user_model()._default_manager.filter(groups__isnull=False)
    for owner, group in members.values_list("pk", "groups__name"):
        if owner in owners:
            found.setdefault(group, Sums()).merge(owners[owner])
    return _most(found)


def _ranked(found: dict[Any, Sums]) -> dict[Any, Sums]:
    return dict(sorted(found.items(), key=lambda item: (item[1].cost, item[1].tokens), reverse=True))


def _most(found: dict[Any, Sums]) -> dict[Any, Sums]:
    return dict(list(_ranked(found).items())[:TOP])


_SUMMED: QuerySet[Any, Any] = UsageSum.objects.all()
_SUMS: dict[str, Any] = {f"sum_{name}": Sum(name) for name in _NAMES}


def _unsum(row: dict[str, Any]) -> dict[str, Any]:
    return {key.removeprefix("sum_"): value for key, value in row.items()}


def _span(wanted: Wanted, scope: str) -> QuerySet[Any, Any]:
    return _SUMMED.filter(scope=scope, start__gte=wanted.since, start__lte=wanted.until).order_by()


def _summed(scope: str, wanted: Wanted) -> list[dict[str, Any]]:
    return list(_span(wanted, scope).values("start", "provider", "model", *_NAMES, *HISTOGRAMS))


def _months_and_days(wanted: Wanted) -> QuerySet[Any, Any]:
    """The rows of whole months within the span, and those of the days around them."""
    first = _first_of_month(wanted.since)
    until = min(wanted.until, wanted.summed or datetime.date.min)
    # The month of `end` is not whole within the span, unless the span ends with its last day.
    end = (until + datetime.timedelta(days=1)).replace(day=1) if until > datetime.date.min else until
    days = Q(scope=Scope.OWNER, start__gte=wanted.since, start__lte=wanted.until)
    if first >= end:
        return _SUMMED.filter(days).order_by()
    around = days & (Q(start__lt=first) | Q(start__gte=end))
    months = Q(scope=Scope.MONTH, start__gte=first, start__lt=end)
    return _SUMMED.filter(around | months).order_by()


def _first_of_month(day: datetime.date) -> datetime.date:
    """The first day of a month from `day` on."""
    return day if day.day == 1 else (day.replace(day=28) + datetime.timedelta(days=4)).replace(day=1)


def _live_span(wanted: Wanted) -> tuple[datetime.date, datetime.date] | None:
    """The days of the span that are not summed yet."""
    last = wanted.summed
    since = wanted.since if last is None else max(wanted.since, last + datetime.timedelta(days=1))
    until = min(wanted.until, today())
    return (since, until) if since <= until else None


def _live(wanted: Wanted) -> list[dict[str, Any]]:
    live = _live_span(wanted)
    return [] if live is None else _by_day(records_of(*live), "provider", "model", *_STEPS)


def _by_day(records: QuerySet[Any], *by: str) -> list[dict[str, Any]]:
    day = TruncDate("at", tzinfo=timezone.get_default_timezone(), output_field=DateField())
    return list(aggregated(with_steps(records).annotate(start=day), "start", *by))
