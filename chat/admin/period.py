"""The filter by time: a few usual spans, or from one day to another."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any, cast

from django.contrib import messages
from django.contrib.admin import FieldListFilter, ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .base import PERIOD

SPANS = (1, 7, 30, 90)
SINCE, UNTIL = PERIOD


def read_day(text: str) -> datetime.date | None:
    """The day in `text` (`2026-11-24`); None where it is none, or one that no calendar reaches."""
    try:
        day = parse_date(text.strip())
    except ValueError:
        return None
    return day if day is not None and 1970 <= day.year <= 9000 else None


def begin_of(day: datetime.date) -> datetime.datetime:
    """The moment at which `day` begins in the present time zone."""
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time.min))


class PeriodFilter(FieldListFilter):
    """`?since=2026-11-01&until=2026-11-30`, both days included; what is no day is told and left out."""

    template = "admin/llmchat/period_filter.html"

    def __init__(
        self,
        field: Field[Any, Any],
        request: HttpRequest,
        params: dict[str, Any],
        model: type[Model],
        model_admin: ModelAdmin[Any],
        field_path: str,
    ) -> None:
        super().__init__(field, request, params, model, model_admin, field_path)
        self.days: dict[str, datetime.date | None] = {}
        for name in (SINCE, UNTIL):
            values = cast("list[str]", self.used_parameters.get(name) or [""])
            text = values[-1]
            self.days[name] = read_day(text)
            if text and self.days[name] is None:
                messages.warning(
                    request, _("“%(text)s” is not a date: it was left out.") % {"text": text[:40]}
                )
        since, until = self.days[SINCE], self.days[UNTIL]
        if since is not None and until is not None and since > until:
            self.days = {SINCE: until, UNTIL: since}

    def expected_parameters(self) -> list[str | None]:
        return [SINCE, UNTIL]

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        since, until = self.days[SINCE], self.days[UNTIL]
        if since is not None:
            queryset = queryset.filter(**{f"{self.field_path}__gte": begin_of(since)})
        if until is not None:
            end = begin_of(until + datetime.timedelta(days=1))
            queryset = queryset.filter(**{f"{self.field_path}__lt": end})
        return queryset

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        own = {SINCE, UNTIL}
        today = timezone.localdate()
        yield {
            "selected": not any(self.days.values()),
            "query_string": changelist.get_query_string(remove=[*own]),
            "display": _("Any date"),
        }
        for days in SPANS:
            since = today - datetime.timedelta(days=days - 1)
            text = ngettext("Past %(days)d day", "Past %(days)d days", days) % {"days": days}
            yield {
                "selected": self.days == {SINCE: since, UNTIL: None},
                "query_string": changelist.get_query_string({SINCE: since.isoformat()}, [UNTIL]),
                "display": _("Today") if days == 1 else text,
            }
        # What the form below the links needs: its own two days, and the other filters to keep.
        yield {
            "form": True,
            "since": self.days[SINCE],
            "until": self.days[UNTIL],
            "kept": [
                (name, value)
                for name, values in changelist.filter_params.items()
                if name not in own | {"q"}
                for value in (values if isinstance(values, list) else [values])
            ],
            "query": changelist.query,
        }
