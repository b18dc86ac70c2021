"""Conversations: the list, and each one as a transcript to read."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..accesses import owner_name, record
from ..models import ContentAccess, Conversation, Generation
from ..streaming import streamed
from .base import conversation_name, may_read, reason_of, record_list, show_age, show_cost, status_badge
from .deletion import CountedDeletionAdmin
from .exports import conversations_as_lines
from .filters import (
    AnswerStatusFilter,
    GroupFilter,
    LatestErrorFilter,
    ModelFilter,
    RatedFilter,
    UserFilter,
)
from .period import PeriodFilter
from .reason import ReasonAdmin
from .rows import PageRowsAdmin, with_totals
from .search import find_conversations, owners_matching
from .transcript import PER_PAGE, read_page
from .tree import Tree


@admin.register(Conversation)
class ConversationAdmin(
    ReasonAdmin[Conversation], PageRowsAdmin[Conversation], CountedDeletionAdmin[Conversation]
):
    """Whose conversations there are, and what was said in them for those who may know.

    Titles derive from the first words said; without `view_content` they are texts like all others.
    """

    list_display: tuple[Any, ...] = (
        "name",
        "owner_link",
        "last_activity",
        "latest_status",
        "messages_count",
        "tokens",
        "cost",
        "model",
    )
    list_filter: ClassVar[tuple[Any, ...]] = (
        ("updated", PeriodFilter),
        UserFilter,
        GroupFilter,
        AnswerStatusFilter,
        LatestErrorFilter,
        RatedFilter,
        ModelFilter,
    )
    linked_filters = ("owner",)
    ordering = ("-updated", "id")
    sortable_by = ("model", "last_activity")
    search_fields = ("id",)
    search_help_text = _(
        "Owner or number. With the permission to read texts also titles and texts; that search is recorded."
    )
    actions = ("export",)
    transcript_template = "admin/llmchat/transcript.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        # What its owner has deleted is on its way out, whether or not it can still be taken back.
        return super().get_queryset(request).filter(temporary=False, deleted_at=None)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.owners_view)
        return [path("owners/", view, name="llmchat_conversation_owners"), *super().get_urls()]

    def owners_view(self, request: HttpRequest) -> HttpResponse:
        """GET `?q=`: up to 20 names of users, for the filter by user."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        term = request.GET.get("q", "").strip()[:254]
        users = get_user_model()._default_manager.filter(pk__in=owners_matching(term))
        names = [user.get_username() for user in users.order_by(get_user_model().USERNAME_FIELD)[:20]]
        return JsonResponse({"results": names if term else []})

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {**self.reason_context(request), **(extra_context or {})})

    def complete(self, queryset: QuerySet[Conversation]) -> QuerySet[Any]:
        return with_totals(queryset.select_related("owner"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Conversation], search_term: str
    ) -> tuple[QuerySet[Conversation], bool]:
        term = search_term.strip()
        in_texts = may_read(request)
        if term and in_texts:
            record(request, ContentAccess.Action.SEARCH, what=term, why=reason_of(request))
        return find_conversations(queryset, term, in_texts=in_texts), False

    def rows_shown(self, request: HttpRequest, rows: list[Any], query: str) -> None:
        """Each title shown, and each place found, is a text somebody has seen."""
        if rows and may_read(request):
            if query:
                record(request, ContentAccess.Action.HIT, rows, what=query, why=reason_of(request))
            else:
                record_list(request, rows)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return may_read(request)

    @admin.action(description=_("Export as JSON lines"), permissions=["export"])
    def export(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> Any:
        lines = conversations_as_lines(request, queryset)
        return streamed(request, lines, "application/x-ndjson", "conversations.jsonl")

    def generations_of(self, queryset: QuerySet[Conversation]) -> QuerySet[Generation]:
        return Generation.objects.filter(message__conversation__in=queryset)

    @admin.display(description=_("conversation"))
    def name(self, conversation: Any) -> str:
        return conversation_name(conversation, readable=getattr(conversation, "readable", False))

    @admin.display(description=_("owner"))
    def owner_link(self, conversation: Conversation) -> str | SafeString:
        if conversation.owner is None:
            return owner_name(None)
        return format_html(
            '<a href="?owner={}">{}</a>', conversation.owner.pk, owner_name(conversation.owner)
        )

    @admin.display(description=_("status"))
    def latest_status(self, conversation: Any) -> SafeString:
        return status_badge(conversation.answer_status)

    @admin.display(description=_("messages"))
    def messages_count(self, conversation: Any) -> str:
        return number_format(conversation.messages_count or 0)

    @admin.display(description=_("tokens"), empty_value="")
    def tokens(self, conversation: Any) -> str:
        return number_format(conversation.tokens) if conversation.tokens else ""

    @admin.display(description=_("cost"), empty_value="")
    def cost(self, conversation: Any) -> str:
        return show_cost(conversation.cost)

    @admin.display(description=_("last activity"), ordering="updated")
    def last_activity(self, conversation: Conversation) -> SafeString:
        return show_age(conversation.updated)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The transcript. `?message=` names a position: its branch is shown, and the page that holds it."""
        conversation = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, conversation):
            raise PermissionDenied
        if conversation is None:
            return self.gone(request, object_id)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(("GET", "HEAD"))
        readable = may_read(request)
        if readable:
            record(request, ContentAccess.Action.READ, [conversation], why=reason_of(request))
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": conversation_name(conversation, readable=readable),
            "subtitle": None,
            "opts": self.opts,
            "media": self.media,
            "original": conversation,
            "conversation": conversation,
            "cost": self.cost(conversation),
            "owner": owner_name(conversation.owner),
            "readable": readable,
            **self.reason_context(request),
            "has_delete_permission": self.has_delete_permission(request, conversation),
            **self._neighbours(request, conversation),
            **_pages(conversation, request, readable=readable),
            **(extra_context or {}),
        }
        return TemplateResponse(request, self.transcript_template, context)

    def _neighbours(self, request: HttpRequest, conversation: Conversation) -> dict[str, UUID | None]:
        """The conversations before and after this one in the list as it stands without filters."""
        rows = self.get_queryset(request).values_list("pk", flat=True)
        moment, key = conversation.updated, conversation.pk
        # The first condition is implied by the second, and lets the index find the place.
        newer = rows.filter(Q(updated__gte=moment), Q(updated__gt=moment) | Q(pk__lt=key))
        older = rows.filter(Q(updated__lte=moment), Q(updated__lt=moment) | Q(pk__gt=key))
        return {
            "newer": newer.order_by("updated", "-id").first(),
            "older": older.order_by("-updated", "id").first(),
        }


def _pages(conversation: Conversation, request: HttpRequest, *, readable: bool) -> dict[str, Any]:
    """The page of the branch that was asked for; strange values of the address are passed over."""
    tree = Tree(conversation)
    chosen = request.GET.get("message", "")
    through = int(chosen) if chosen.isdecimal() and len(chosen) < 10 else None
    if through not in tree:
        through = None
    branch = tree.branch(through)
    paginator = Paginator(branch, PER_PAGE)
    number: str | int | None = request.GET.get("p")
    if number is None and through is not None:
        number = branch.index(through) // PER_PAGE + 1
    page = paginator.get_page(number)
    return {
        "entries": read_page(conversation, tree, list(page.object_list), readable=readable),
        "page": page,
        "page_range": paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1),
        "leaf": branch[-1] if branch else None,
        "branches": tree.branches,
    }
