"""Generations: the ledger of all runs, and the console of those that go on now."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..models import LIVE, Generation, Runner
from .base import ReadOnlyAdmin, owner_name, show_cost, show_seconds, show_time, status_badge
from .filters import ErrorFilter, ModelFilter, UserFilter
from .period import PeriodFilter
from .rows import PageRowsAdmin, with_conversation
from .running import RunningConsole
from .search import owners_matching

#: Of more users with a name like it the first are taken.
MAX_OWNERS = 50


@admin.register(Generation)
class GenerationAdmin(PageRowsAdmin[Generation], RunningConsole):
    """The runs of models and what they took: a ledger without a word of what was said."""

    list_display: tuple[Any, ...] = (
        "number",
        "begun",
        "how",
        "owner_name",
        "conversation_link",
        "model",
        "first_token",
        "duration",
        "tokens",
        "price",
        "door",
    )
    list_filter: ClassVar[tuple[Any, ...]] = (
        ("created", PeriodFilter),
        UserFilter,
        "status",
        ModelFilter,
        "door",
        ErrorFilter,
    )
    linked_filters = ("owner", "runner")
    ordering = ("-id",)
    sortable_by = ("number",)
    search_fields = ("id",)
    search_help_text = _("Owner, number or error reference")
    fields = (
        *("number", "owner_name", "conversation_link", "model", "door", "how", "reason", "finish_reason"),
        *("error_code", "reference", "attempts", "created", "ended", "first_token", "duration"),
        *("prompt_tokens", "completion_tokens", "estimated", "price", "last_n", "text_length", "runner"),
    )
    readonly_fields = fields

    def complete(self, queryset: QuerySet[Generation]) -> QuerySet[Any]:
        return with_conversation(queryset.select_related("owner", "runner"))

    def has_delete_permission(self, request: HttpRequest, obj: Generation | None = None) -> bool:
        # Asked when a user is deleted: runs go with their conversations, and never alone.
        return request.user.has_perm("llmchat.delete_conversation")

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise PermissionDenied

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), "show_delete": False}
        )

    def get_actions(self, request: HttpRequest, *args: Any) -> dict[str, Any]:
        return {}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        # Keys instead of subqueries: each of the conditions has an index, the whole of them has none.
        keys = list(queryset.filter(reference=term).exclude(reference="").values_list("pk", flat=True)[:50])
        if term.isdecimal() and len(term) < 19:
            keys.append(int(term))
        owners = list(owners_matching(term).values_list("pk", flat=True)[:MAX_OWNERS])
        return queryset.filter(Q(pk__in=keys) | Q(owner__in=owners)), False

    @admin.display(description=_("number"), ordering="id")
    def number(self, generation: Generation) -> int:
        return generation.pk

    @admin.display(description=_("begun"))
    def begun(self, generation: Generation) -> SafeString:
        return show_time(generation.created)

    @admin.display(description=_("owner"))
    def owner_name(self, generation: Generation) -> str:
        return owner_name(generation.owner)

    @admin.display(description=_("conversation"))
    def conversation_link(self, generation: Any) -> str | SafeString:
        if generation.conversation is None or generation.temporary:
            return ""
        url = reverse("admin:llmchat_conversation_change", args=(generation.conversation,))
        url += f"?message={generation.position}#m-{generation.position}"
        return format_html('<a href="{}">{}</a>', url, str(generation.conversation)[:8])

    @admin.display(description=_("status"))
    def how(self, generation: Generation) -> SafeString:
        badge = status_badge(generation.status)
        return (
            format_html('{}<br><span class="llmchat llmchat-code">{}</span>', badge, code)
            if (code := generation.error_code)
            else badge
        )

    @admin.display(description=_("first token"))
    def first_token(self, generation: Generation) -> str:
        return show_seconds(generation.timings.get("first_token"))

    @admin.display(description=_("in all"))
    def duration(self, generation: Generation) -> str:
        return show_seconds(generation.timings.get("total"))

    @admin.display(description=_("tokens"))
    def tokens(self, generation: Generation) -> str:
        if generation.prompt_tokens is None and generation.completion_tokens is None:
            return ""
        parts = [
            number_format(count or 0) for count in (generation.prompt_tokens, generation.completion_tokens)
        ]
        return ("≈ " if generation.estimated else "") + " + ".join(parts)

    @admin.display(description=_("cost"))
    def price(self, generation: Generation) -> str:
        return show_cost(generation.cost)


@admin.register(Runner)
class RunnerAdmin(ReadOnlyAdmin[Runner]):
    """The processes that write answers, and how many each is writing."""

    list_display: tuple[Any, ...] = ("__str__", "alive", "beat", "running", "started")
    list_filter: ClassVar[tuple[Any, ...]] = ("dead", "started")
    ordering = ("-started",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        live = Generation.objects.filter(runner=OuterRef("pk"), status__in=LIVE).order_by().values("runner")
        count = Subquery(live.annotate(count=Count("pk")).values("count"))
        return super().get_queryset(request).annotate(live=Coalesce(count, 0))

    @admin.display(description=_("alive"), boolean=True)
    def alive(self, runner: Runner) -> bool:
        return not runner.dead

    @admin.display(description=_("running"))
    def running(self, runner: Any) -> int:
        return int(runner.live)
