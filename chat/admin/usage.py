"""What was used: tables and charts from the ledger and its sums, the ledger itself, and exports of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..accesses import owner_name, record
from ..models import ContentAccess, UsageRecord
from ..streaming import streamed
from ..usage.export import as_csv, as_json
from ..usage.report import Wanted, owners_of, report
from ..usage.rollup import records_of
from ..usage.sums import Sums
from .base import ReadOnlyAdmin, reason_of, show_cost, show_seconds, show_time, status_badge
from .figures import draw, facts_of, lines_of, owner_lines, owner_names, show_count
from .filters import ErrorFilter, UserFilter, has_groups
from .period import PeriodFilter
from .wanted import query_of, read_wanted, spans_of

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
        wanted, subject = read_wanted(request)
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
            "spans": spans_of(request, wanted),
            "query": query_of(request),
            "charts": draw(found),
            "facts": facts_of(found.total),
            "models": lines_of(found.models, lambda key: "/".join(filter(None, key))),
            "owners": owner_lines(found.owners),
            "groups": lines_of(found.groups, str),
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
        wanted, _subject = read_wanted(request, longest=100 * 366)
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
        counts = f"{show_count(row.prompt_tokens)} + {show_count(row.completion_tokens)}"
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


def _table(of: str, wanted: Wanted) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """The figures of the page as rows, of users all of them."""
    if of == "models":
        models = (report(wanted).models or {}).items()
        return ["provider", "model", *SUMS], (
            {"provider": provider, "model": model, **_figures(sums)} for (provider, model), sums in models
        )
    if of == "users":
        owners = owners_of(wanted)
        name = owner_names(owners)
        return ["owner_id", "owner", *SUMS], (
            {"owner_id": key, "owner": name(key), **_figures(sums)} for key, sums in owners.items()
        )
    found = report(wanted)
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
