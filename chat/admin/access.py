"""Who read what: the record that each reading leaves, and its list."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet, TextChoices
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..models import ContentAccess, Conversation
from .base import ReadOnlyAdmin, owner_name, show_time
from .search import as_address, as_uuid


class Action(TextChoices):
    """What somebody did with texts that are not theirs."""

    READ = "read", _("read the transcript")
    SEARCH = "search", _("searched in texts")


def record(request: HttpRequest, action: Action, conversation: Conversation | None = None) -> None:
    """Writes down that who asks is about to see texts. If this fails, nothing may be shown."""
    ContentAccess.objects.create(
        reader_id=request.user.pk,
        reader_name=request.user.get_username()[:254],
        conversation_id=conversation.pk if conversation is not None else None,
        owner_name=owner_name(conversation.owner)[:254] if conversation is not None else "",
        action=action,
        # None behind a Unix socket, where the peer has no address.
        address=as_address(request.META.get("REMOTE_ADDR", "")),
    )


class ActionFilter(admin.SimpleListFilter):
    """By what was done."""

    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return list(Action.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(ContentAccess)
class ContentAccessAdmin(ReadOnlyAdmin[ContentAccess]):
    """Who read what, newest first."""

    list_display: tuple[Any, ...] = ("when", "reader_name", "what", "owner_name", "conversation", "address")
    list_display_links = None
    list_filter: ClassVar[tuple[Any, ...]] = (ActionFilter, "at")
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
        condition = Q(reader_name__icontains=term) | Q(owner_name__icontains=term)
        if (key := as_uuid(term)) is not None:
            condition |= Q(conversation_id=key)
        if (address := as_address(term)) is not None:
            condition |= Q(address=address)
        return queryset.filter(condition), False

    @admin.display(description=_("at"), ordering="id")
    def when(self, row: ContentAccess) -> SafeString:
        return show_time(row.at)

    @admin.display(description=_("action"))
    def what(self, row: ContentAccess) -> str:
        return str(Action(row.action).label) if row.action in Action.values else row.action

    @admin.display(description=_("conversation"))
    def conversation(self, row: ContentAccess) -> str | SafeString:
        if row.conversation_id is None:
            return ""
        url = reverse("admin:llmchat_conversation_change", args=(row.conversation_id,))
        return format_html('<a href="{}">{}</a>', url, str(row.conversation_id)[:8])
