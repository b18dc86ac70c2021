"""What was used: tables and charts from the ledger and its sums, the ledger itself, and exports of both."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..accesses import owner_name, record
from ..models import ContentAccess, UsageRecord
from ..streaming import streamed
from ..usage.export import as_csv, as_json
from ..usage.report import Report, Wanted, report
from ..usage.rollup import records_of, today
from ..usage.sums import Sums, days_between, percentile
from . import charts
from .base import ReadOnlyAdmin, reason_of, show_cost, show_seconds, show_time, status_badge
from .filters import ErrorFilter, UserFilter, has_groups
from .period import PeriodFilter, read_day

SPANS = (7, 30, 90, 365)
#: A page shows at most so many days.
MAX_DAYS = 366
FORMATS = {"csv": ("text/csv", as_csv), "json": ("application/json", as_json)}
LEDGER = (
    *(
        "at",
        "generation",
        "owner_id",
        "owner",
        "door",
        "provider",
        "model",
        "attempt",
        "status",
        "error_code",
    ),
    *("prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens", "estimated", "cost"),
    *("first_token_ms", "total_ms"),
)
SUMS = (
    *("answers", "attempts", "failed", "prompt_tokens", "cached_tokens", "completion_tokens"),
    *("reasoning_tokens", "cost", "unpriced", "estimated"),
)


@admin.register(UsageRecord)
class UsageAdmin(ReadOnlyAdmin[UsageRecord]):
    """The ledger, newest first, with `usage/` for charts and `export/` for files."""

    list_display: tuple[Any, ...] = (
        *("when", "generation_id", "owner_label", "provider", "model", "attempt", "how"),
        *("tokens", "price", "first_token", "duration", "door"),
    )
    list_display_links = None
    list_select_related = ("owner",)
    list_filter: ClassVar[tuple[Any, ...]] = (("at", PeriodFilter), UserFilter, ErrorFilter)
    linked_filters = ("owner", "generation_id")
    ordering = ("-id",)
    sortable_by = ("when",)
    usage_template = "admin/llmchat/usage.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("usage/", view(self.usage_view), name="llmchat_usagerecord_usage"),
            path("export/", view(self.export_view), name="llmchat_usagerecord_export"),
            *super().get_urls(),
        ]

    def usage_view(self, request: HttpRequest) -> HttpResponse:
        """The charts. What the address says wrongly is told and left out."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        wanted, subject = _wanted(request)
        found = report(wanted, groups=has_groups())
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": _("Usage"),
            "subtitle": None,
            "opts": self.opts,
            "media": self.media,
            "wanted": wanted,
            "subject": subject,
            "spans": _spans(request, wanted),
            "query": _query(request),
            "charts": _charts(found),
            "facts": _facts(found.total),
            "models": _lines(found.models, lambda key: "/".join(filter(None, key))),
            "owners": _owner_lines(found.owners),
            "groups": _lines(found.groups, str),
            "errors": found.total.errors.most_common(20),
            "measure": request.GET.get("measure", "cost"),
        }
        return TemplateResponse(request, self.usage_template, context)

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """`?as=csv|json&of=days|models|users|records`, with the span and filters of the page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form, of = request.GET.get("as", "csv"), request.GET.get("of", "days")
        if form not in FORMATS or of not in ("days", "models", "users", "records"):
            return HttpResponseBadRequest(_("This export is not known."))
        wanted, _subject = _wanted(request, longest=100 * 366)
        columns, rows = _ledger(wanted) if of == "records" else _table(of, wanted)
        span = f"{wanted.since}_{wanted.until}"
        record(request, ContentAccess.Action.USAGE, what=f"{of} {form} {span}", why=reason_of(request))
        content_type, write = FORMATS[form]
        return streamed(request, write(columns, rows), content_type, f"usage-{of}-{span}.{form}")

    @admin.display(description=gettext_lazy("at"), ordering="id")
    def when(self, row: UsageRecord) -> SafeString:
        return show_time(row.at)

    @admin.display(description=gettext_lazy("owner"))
    def owner_label(self, row: UsageRecord) -> str:
        return _owner_label(row)

    @admin.display(description=gettext_lazy("status"))
    def how(self, row: UsageRecord) -> str:
        return status_badge(row.status) if not row.error_code else f"{row.status}: {row.error_code}"

    @admin.display(description=gettext_lazy("tokens"))
    def tokens(self, row: UsageRecord) -> str:
        counts = f"{number_format(row.prompt_tokens)} + {number_format(row.completion_tokens)}"
        return f"≈ {counts}" if row.estimated else counts

    @admin.display(description=gettext_lazy("cost"))
    def price(self, row: UsageRecord) -> str:
        return show_cost(row.cost)

    @admin.display(description=gettext_lazy("first token"))
    def first_token(self, row: UsageRecord) -> str:
        return show_seconds(row.first_token_ms)

    @admin.display(description=gettext_lazy("in all"))
    def duration(self, row: UsageRecord) -> str:
        return show_seconds(row.total_ms)


def _owner_label(row: UsageRecord) -> str:
    """The owner of a ledger row: its account may be gone, which no key notices."""
    if row.owner_id is None:
        return owner_name(None)
    # The relation has no constraint: a joined row that is not there leaves nothing in the cache.
    owner = row._state.fields_cache.get("owner")
    return owner_name(owner) if owner is not None else _("deleted user %(key)s") % {"key": row.owner_id}


def _wanted(request: HttpRequest, longest: int = MAX_DAYS) -> tuple[Wanted, str]:
    """The span and the filters of the address, and in words of whom or what."""
    until, since = today(), None
    for name in ("since", "until"):
        if text := request.GET.get(name, ""):
            day = read_day(text)
            if day is None:
                messages.warning(
                    request, _("“%(text)s” is not a date: it was left out.") % {"text": text[:40]}
                )
            elif name == "until":
                until = day
            else:
                since = day
    since = until - datetime.timedelta(days=29) if since is None else since
    if since > until:
        since, until = until, since
    if (until - since).days >= longest:
        since = until - datetime.timedelta(days=longest - 1)
        messages.warning(
            request, _("The span is too long: its last %(days)d days are shown.") % {"days": longest}
        )
    wanted = Wanted(since, until)
    provider, slash, model = request.GET.get("model", "").partition("/")
    if slash:
        wanted.provider, wanted.model = provider, model
    subject = wanted.model and f"{provider}/{model}"
    if (name := request.GET.get("user", "").strip()) and (user := _user(name)) is not None:
        wanted.owner = user.pk
        subject = user.get_username()
    elif name:
        messages.warning(request, _("There is no user like “%(term)s”.") % {"term": name[:80]})
    elif (key := request.GET.get("owner", "")) and (owner := _by_key(key)) is not None:
        # Also of one who is deleted: the ledger knows keys.
        wanted.owner, user = owner
        subject = owner_name(user) if user is not None else _("deleted user %(key)s") % {"key": key}
    elif has_groups() and (group := _group(request.GET.get("group", ""))) is not None:
        wanted.group, subject = group.pk, group.name
    return wanted, subject


def _user(name: str) -> Any:
    model = get_user_model()
    return model._default_manager.filter(**{model.USERNAME_FIELD: name}).first()


def _by_key(text: str) -> tuple[Any, Any] | None:
    model = get_user_model()
    try:
        key = model._meta.pk.to_python(text)
    except ValidationError:
        return None
    if isinstance(key, int) and not 0 <= key < 2**63:
        return None
    return key, model._default_manager.filter(pk=key).first()


def _group(name: str) -> Group | None:
    return Group.objects.filter(name=name[:150]).first() if name else None


def _query(request: HttpRequest) -> str:
    """The span and the filters again, for the links of the page."""
    kept = request.GET.copy()
    for name in list(kept):
        if name not in ("since", "until", "model", "user", "owner", "group"):
            del kept[name]
    return kept.urlencode()


def _spans(request: HttpRequest, wanted: Wanted) -> list[dict[str, Any]]:
    last = today()
    spans = []
    for days in SPANS:
        since = last - datetime.timedelta(days=days - 1)
        query = request.GET.copy()
        query["since"] = since.isoformat()
        query.pop("until", None)
        chosen = (wanted.since, wanted.until) == (since, last)
        spans.append({"days": days, "query": query.urlencode(), "chosen": chosen})
    return spans


def _charts(found: Report) -> list[charts.Chart]:
    spans = charts.columns(days_between(found.since, found.until))
    sums = [_put_together(found.days.get(day) for day in span) for span in spans]
    total = found.total
    drawn = [
        charts.bars(
            _("Answers"), number_format(total.answers), spans, [each.answers for each in sums], _whole
        ),
        charts.bars(_("Tokens"), number_format(total.tokens), spans, [each.tokens for each in sums], _whole),
        charts.bars(_("Cost"), show_cost(total.cost), spans, [float(each.cost) for each in sums], _money),
        charts.bars(
            _("Failed attempts"), number_format(total.failed), spans, [each.failed for each in sums], _whole
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


def _whole(value: float) -> str:
    return number_format(round(value))


def _money(value: float) -> str:
    return number_format(value, 2 if value >= 0.1 or not value else 4)


def _seconds(value: float) -> str:
    return show_seconds(round(value))


def _facts(total: Sums) -> list[tuple[str, str, str]]:
    """Name, figure, and what has to be known about it."""
    explained = ""
    if total.unpriced:
        explained = _("%(count)s requests have no price: they are not in it.") % {
            "count": number_format(total.unpriced)
        }
    guessed = ""
    if total.estimated:
        guessed = _("of %(count)s requests guessed: their providers sent no figures.") % {
            "count": number_format(total.estimated)
        }
    share = f"{number_format(100 * total.failed / total.attempts, 1)} %" if total.attempts else ""
    return [
        (_("Answers"), number_format(total.answers), ""),
        (_("Tokens read"), number_format(total.prompt_tokens), guessed),
        (_("Tokens written"), number_format(total.completion_tokens), ""),
        (_("Cost"), show_cost(total.cost), explained),
        (_("Failed attempts"), number_format(total.failed), share),
        (_("First token, half within"), show_seconds(percentile(total.first_tokens, 0.5)), ""),
        (_("First token, 95 % within"), show_seconds(percentile(total.first_tokens, 0.95)), ""),
    ]


def _lines(found: dict[Any, Sums] | None, name: Any) -> list[dict[str, Any]] | None:
    if found is None:
        return None
    best = sorted(found.items(), key=lambda item: (item[1].cost, item[1].tokens), reverse=True)
    most = max([sums.tokens for _key, sums in best], default=0)
    return [
        {
            "name": name(key),
            "key": key,
            "answers": number_format(sums.answers),
            "tokens": number_format(sums.tokens),
            "cost": show_cost(sums.cost) if sums.attempts > sums.unpriced else "",
            "share": round(1000 * sums.tokens / most) if most else 0,
            "failed": number_format(sums.failed),
            "first": show_seconds(percentile(sums.first_tokens, 0.5)),
        }
        for key, sums in best[:100]
    ]


def _owner_lines(found: dict[Any, Sums] | None) -> list[dict[str, Any]] | None:
    if found is None:
        return None
    users = get_user_model()._default_manager.in_bulk([key for key in found if key is not None])

    def name(key: Any) -> str:
        if key is not None and key not in users:
            return _("deleted user %(key)s") % {"key": key}
        return owner_name(users.get(key))

    return _lines(found, name)


def _table(of: str, wanted: Wanted) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """The figures of the page as rows."""
    found = report(wanted)
    if of == "models":
        models = (found.models or {}).items()
        return ["provider", "model", *SUMS], (
            {"provider": provider, "model": model, **_figures(sums)} for (provider, model), sums in models
        )
    if of == "users":
        owners = found.owners if found.owners is not None else {wanted.owner: found.total}
        lines = _owner_lines(owners) or []
        return ["owner_id", "owner", *SUMS], (
            {"owner_id": line["key"], "owner": line["name"], **_figures(owners[line["key"]])}
            for line in lines
        )
    return ["day", *SUMS], ({"day": day, **_figures(sums)} for day, sums in sorted(found.days.items()))


def _figures(sums: Sums) -> dict[str, Any]:
    return {name: getattr(sums, name) for name in SUMS}


def _ledger(wanted: Wanted) -> tuple[tuple[str, ...], Iterator[dict[str, Any]]]:
    """The ledger's rows of the span, oldest first."""
    records: QuerySet[Any] = records_of(wanted.since, wanted.until)
    if wanted.owner is not None:
        records = records.filter(owner=wanted.owner)
    if wanted.group is not None:
        members = get_user_model()._default_manager.filter(groups=wanted.group).values("pk")
        records = records.filter(owner__in=members)
    if wanted.model:
        records = records.filter(provider=wanted.provider, model=wanted.model)
    names = get_user_model().USERNAME_FIELD
    columns = [name for name in LEDGER if name not in ("owner", "generation")]
    rows = records.order_by("at", "pk").values(*columns, "generation_id", f"owner__{names}").iterator(2000)
    return LEDGER, (
        {
            **row,
            "at": row["at"].astimezone(timezone.get_default_timezone()),
            "generation": row["generation_id"],
            "owner": row[f"owner__{names}"] or "",
        }
        for row in rows
    )
