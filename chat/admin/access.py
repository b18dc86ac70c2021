"""The list of who read what."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..accesses import as_address
from ..models import ContentAccess
from .base import ReadOnlyAdmin, show_time
from .period import PeriodFilter
from .search import as_uuid, owners_matching


class ActionFilter(admin.SimpleListFilter):
    """By what was done."""

    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return list(ContentAccess.Action.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(ContentAccess)
class ContentAccessAdmin(ReadOnlyAdmin[ContentAccess]):
    """Who read what, newest first."""

    list_display: tuple[Any, ...] = (
        *("when", "reader_name", "did", "what", "owner_name", "conversation", "why", "address"),
    )
    list_display_links = None
    list_filter: ClassVar[tuple[Any, ...]] = (("at", PeriodFilter), ActionFilter)
    linked_filters = ("owner", "reader")
    search_fields = ("reader_name", "owner_name")
    search_help_text = _("A reader's or owner's name, a conversation's number, or an address")
    ordering = ("-id",)

    @property
    def list_title(self) -> str:
        return str(_("Who read what"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ContentAccess], search_term: str
    ) -> tuple[QuerySet[ContentAccess], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        users = owners_matching(term)
        # The names as they were are found too: users go, and what they read is still to be told.
        condition = Q(reader__in=users) | Q(owner__in=users) | Q(reader_name__iexact=term)
        condition |= Q(owner_name__iexact=term)
        if (key := as_uuid(term)) is not None:
            condition |= Q(conversation_id=key)
        if (address := as_address(term)) is not None:
            condition |= Q(address=address)
        return queryset.filter(condition), False

    @admin.display(description=_("at"), ordering="id")
    def when(self, row: ContentAccess) -> SafeString:
        return show_time(row.at)

    @admin.display(description=_("action"))
    def did(self, row: ContentAccess) -> str:
        return row.label

    @admin.display(description=_("conversation"))
    def conversation(self, row: ContentAccess) -> str | SafeString:
        if row.conversation_id is None:
            return ""
        url = reverse("admin:llmchat_conversation_change", args=(row.conversation_id,))
        return format_html('<a href="{}">{}</a>', url, str(row.conversation_id)[:8])
