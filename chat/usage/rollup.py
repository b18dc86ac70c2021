"""Sums up each day of the ledger once, when it is over. Today is always read from the ledger itself.

A process that finds a day undone sums it; the row of `SummedDay` sees to it that only one does. What comes
late (a ledger row has the time at which it was written, so only a transaction that was open at midnight) has
`GRACE` to arrive.
"""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import Max, Min, QuerySet, Sum
from django.utils import timezone

from ..models import SummedDay, UsageRecord, UsageSum
from .sums import COUNTED, SUMMED, aggregated, combined, with_steps

GRACE = datetime.timedelta(minutes=10)
Scope = UsageSum.Scope


def begin_of(day: datetime.date) -> datetime.datetime:
    """The moment at which `day` begins for the site."""
    zone = timezone.get_default_timezone()
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time.min), zone)


def today() -> datetime.date:
    """The site's day."""
    return timezone.localdate(timezone=timezone.get_default_timezone())


def records_of(since: datetime.date, until: datetime.date) -> QuerySet[Any]:
    """The ledger's rows of these days, both included."""
    end = begin_of(until + datetime.timedelta(days=1))
    rows: QuerySet[Any] = UsageRecord.objects.filter(at__gte=begin_of(since), at__lt=end)
    return rows


def summed_until() -> datetime.date | None:
    """The last day that has been summed."""
    last: datetime.date | None = SummedDay.objects.aggregate(last=Max("day"))["last"]
    return last


def due() -> datetime.date | None:
    """The next day to sum up; None when there is none yet."""
    if (last := summed_until()) is not None:
        day = last + datetime.timedelta(days=1)
    else:
        first = UsageRecord.objects.aggregate(first=Min("at"))["first"]
        if first is None:
            return None
        day = timezone.localdate(first, timezone.get_default_timezone())
    over = begin_of(day + datetime.timedelta(days=1)) + GRACE
    return day if timezone.now() >= over else None


def compute(day: datetime.date) -> list[UsageSum]:
    """The rows of one day, and of the month that it completes; nothing is written."""
    records = records_of(day, day)
    by_model = aggregated(with_steps(records), "provider", "model", "error_code", "first_step", "rate_step")
    rows = [
        UsageSum(
            scope=Scope.MODEL,
            start=day,
            provider=provider,
            model=model,
            **{
                name: dict(value) if isinstance(value, dict) else value
                for name, value in msgspec.structs.asdict(sums).items()
            },
        )
        for (provider, model), sums in combined(by_model, "provider", "model").items()
    ]
    owners = list(aggregated(records, "owner"))
    rows += [_of_owner(Scope.OWNER, day, row) for row in owners]
    if (day + datetime.timedelta(days=1)).day == 1:
        rows += _month(day, owners)
    return rows


def _month(last: datetime.date, owners: list[dict[str, Any]]) -> list[UsageSum]:
    first = last.replace(day=1)
    names = (*COUNTED, *SUMMED, "cost")
    earlier = UsageSum.objects.filter(scope=Scope.OWNER, start__gte=first, start__lt=last)
    sums: QuerySet[Any, Any] = earlier.order_by().values("owner")
    sums = sums.annotate(**{f"sum_{name}": Sum(name) for name in names})
    days = [{"owner": row["owner"], **{name: row[f"sum_{name}"] for name in names}} for row in sums]
    return [
        _of_owner(Scope.MONTH, first, {"owner": owner, **_plain(sums)})
        for (owner,), sums in combined([*days, *owners], "owner").items()
    ]


def _plain(sums: Any) -> dict[str, Any]:
    return {name: getattr(sums, name) for name in (*COUNTED, *SUMMED, "cost")}


def _of_owner(scope: str, start: datetime.date, row: dict[str, Any]) -> UsageSum:
    values = {name: row[name] for name in (*COUNTED, *SUMMED, "cost")}
    return UsageSum(scope=scope, start=start, owner_id=row["owner"], **values)


def store(day: datetime.date, rows: list[UsageSum]) -> bool:
    """Writes the sums of `day`, unless another process was faster."""
    try:
        with transaction.atomic():
            SummedDay.objects.create(day=day)
            UsageSum.objects.bulk_create(rows, batch_size=500)
    except IntegrityError:
        return False
    return True


def catch_up(days: int | None = None) -> int:
    """Sums up what is due, at most so many days; returns how many."""
    done = 0
    while (days is None or done < days) and (day := due()) is not None:
        store(day, compute(day))
        done += 1
    return done


def rebuild() -> int:
    """Forgets all sums and makes them anew; returns the number of days."""
    with transaction.atomic():
        SummedDay.objects.all().delete()
        UsageSum.objects.all().delete()
    return catch_up()
