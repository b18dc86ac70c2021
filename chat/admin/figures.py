"""The figures of the usage page: facts, charts and lines of tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from ..accesses import owner_name
from ..usage.report import Report
from ..usage.sums import Sums, days_between, percentile
from . import charts
from .base import show_cost, show_seconds


def draw(found: Report) -> list[charts.Chart]:
    spans = charts.columns(days_between(found.since, found.until))
    sums = [_put_together(found.days.get(day) for day in span) for span in spans]
    total = found.total
    drawn = [
        charts.bars(_("Answers"), show_count(total.answers), spans, [each.answers for each in sums], _whole),
        charts.bars(_("Tokens"), show_count(total.tokens), spans, [each.tokens for each in sums], _whole),
        charts.bars(_("Cost"), show_cost(total.cost), spans, [float(each.cost) for each in sums], _money),
        charts.bars(
            _("Failed attempts"), show_count(total.failed), spans, [each.failed for each in sums], _whole
        ),
    ]
    if found.models is not None:
        latencies: dict[str, list[float | None]] = {_("half within"): [], _("95 % within"): []}
        rates: dict[str, list[float | None]] = {_("half faster than"): [], _("95 % faster than"): []}
        for each in sums:
            for values, share in zip(latencies.values(), (0.5, 0.95), strict=True):
                values.append(percentile(each.first_tokens, share))
            for values, share in zip(rates.values(), (0.5, 0.05), strict=True):
                values.append(percentile(each.rates, share))
        drawn.append(charts.lines(_("Time to the first token"), spans, latencies, _seconds))
        drawn.append(charts.lines(_("Tokens per second"), spans, rates, _whole))
    return drawn


def _put_together(days: Iterable[Sums | None]) -> Sums:
    together = Sums()
    for day in days:
        if day is not None:
            together.merge(day)
    return together


def show_count(value: float, decimals: int = 0) -> str:
    """A number as one reads it, with its thousands apart."""
    return str(number_format(value, decimals, force_grouping=True))


def _whole(value: float) -> str:
    return show_count(round(value))


def _money(value: float) -> str:
    return show_count(value, 2 if value >= 0.1 or not value else 4)


def _seconds(value: float) -> str:
    return show_seconds(round(value))


def facts_of(total: Sums) -> list[tuple[str, str, str]]:
    """Name, figure, and what has to be known about it."""
    explained = ""
    if total.unpriced:
        explained = _("%(count)s requests have no price: they are not in it.") % {
            "count": show_count(total.unpriced)
        }
    guessed = ""
    if total.estimated:
        guessed = _("of %(count)s requests guessed: their providers sent no figures.") % {
            "count": show_count(total.estimated)
        }
    share = f"{show_count(100 * total.failed / total.attempts, 1)} %" if total.attempts else ""
    return [
        (_("Answers"), show_count(total.answers), ""),
        (_("Tokens read"), show_count(total.prompt_tokens), guessed),
        (_("Tokens written"), show_count(total.completion_tokens), ""),
        (_("Cost"), show_cost(total.cost), explained),
        (_("Failed attempts"), show_count(total.failed), share),
        (_("First token, half within"), show_seconds(percentile(total.first_tokens, 0.5)), ""),
        (_("First token, 95 % within"), show_seconds(percentile(total.first_tokens, 0.95)), ""),
    ]


def lines_of(found: dict[Any, Sums] | None, name: Any) -> list[dict[str, Any]] | None:
    if found is None:
        return None
    best = sorted(found.items(), key=lambda item: (item[1].cost, item[1].tokens), reverse=True)
    most = max([sums.tokens for _key, sums in best], default=0)
    return [
        {
            "name": name(key),
            "key": key,
            "answers": show_count(sums.answers),
            "tokens": show_count(sums.tokens),
            "cost": show_cost(sums.cost) if sums.attempts > sums.unpriced else "",
            "share": round(1000 * sums.tokens / most) if most else 0,
            "failed": show_count(sums.failed),
            "first": show_seconds(percentile(sums.first_tokens, 0.5)),
        }
        for key, sums in best[:100]
    ]


def owner_lines(found: dict[Any, Sums] | None) -> list[dict[str, Any]] | None:
    return None if found is None else lines_of(found, owner_names(found))


def owner_names(found: Iterable[Any]) -> Callable[[Any], str]:
    """What to call the users of these keys, None for guests; also those who are deleted."""
    users = get_user_model()._default_manager.in_bulk([key for key in found if key is not None])

    def name(key: Any) -> str:
        if key is not None and key not in users:
            return _("deleted user %(key)s") % {"key": key}
        return owner_name(users.get(key))

    return name
