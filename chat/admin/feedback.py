"""The queue of thumbs: what was rated and why, the answers to the same question side by side."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ..accesses import owner_name, record
from ..models import ContentAccess, Conversation, Feedback, Message
from ..streaming import streamed
from .base import may_read, reason_of, record_list, show_age
from .exports import feedback_as_lines, siblings_of
from .filters import UserFilter
from .period import PeriodFilter
from .reason import ReasonAdmin
from .rows import PageRowsAdmin
from .transcript import RENDERED_CHARS, Budget

#: Characters of a comment in the list.
COMMENT = 160


class HandledFilter(SimpleListFilter):
    """Open ones are the queue; with another choice what was handled is seen."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return [("open", _("To do")), ("handled", _("Handled"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("open", "handled"):
            return queryset
        return queryset.filter(handled_at__isnull=self.value() == "open")


@admin.register(Feedback)
class FeedbackAdmin(ReasonAdmin[Feedback], PageRowsAdmin[Feedback]):
    """What readers think of answers, the newest first. Comments are texts like all others."""

    list_display: tuple[Any, ...] = (
        *(
            "thumb",
            "when",
            "owner_label",
            "answered_by",
            "why",
            "comment_shown",
            "conversation_link",
            "handled",
        ),
    )
    list_display_links = ("thumb",)
    list_filter: ClassVar[tuple[Any, ...]] = (HandledFilter, "rating", ("updated", PeriodFilter), UserFilter)
    ordering = ("-updated", "-id")
    sortable_by = ()
    actions = ("mark_handled", "mark_open", "export")
    review_template = "admin/llmchat/feedback.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Feedback]:
        # The few that are hidden are looked up, instead of the conversation of every rating.
        hidden = Conversation.objects.filter(Q(temporary=True) | Q(deleted_at__isnull=False))
        messages = Message.objects.filter(conversation__in=hidden.order_by().values("pk")).order_by()
        return super().get_queryset(request).exclude(message__in=messages.values("pk"))

    def complete(self, queryset: QuerySet[Feedback]) -> QuerySet[Any]:
        return queryset.select_related("owner").annotate(
            conversation=F("message__conversation_id"),
            position=F("message__position"),
            model=F("message__model"),
        )

    def rows_shown(self, request: HttpRequest, rows: list[Any], query: str) -> None:
        commented = [row for row in rows if row.comment]
        if commented and may_read(request):
            record_list(request, commented, "feedback")

    def has_change_permission(self, request: HttpRequest, obj: Feedback | None = None) -> bool:
        # Nobody changes what was said; to mark it as handled takes the permission all the same.
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Feedback | None = None) -> bool:
        # Asked when a conversation or a user is deleted, with which it goes; never alone.
        return request.user.has_perm("llmchat.delete_conversation")

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise PermissionDenied

    def has_handle_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("llmchat.change_feedback")

    def has_export_permission(self, request: HttpRequest) -> bool:
        return may_read(request)

    def get_actions(self, request: HttpRequest, *args: Any) -> dict[str, Any]:
        actions = super().get_actions(request, *args)
        actions.pop("delete_selected", None)
        return dict(actions)

    @admin.action(description=_("Mark as handled"), permissions=["handle"])
    def mark_handled(self, request: HttpRequest, queryset: QuerySet[Feedback]) -> None:
        count = self._mark(request, queryset, handled=True)
        text = ngettext("%d rating is marked as handled.", "%d ratings are marked as handled.", count)
        messages.success(request, text % count)

    @admin.action(description=_("Mark as to do"), permissions=["handle"])
    def mark_open(self, request: HttpRequest, queryset: QuerySet[Feedback]) -> None:
        count = self._mark(request, queryset, handled=False)
        text = ngettext("%d rating is to do again.", "%d ratings are to do again.", count)
        messages.success(request, text % count)

    @admin.action(description=_("Export as JSON lines"), permissions=["export"])
    def export(self, request: HttpRequest, queryset: QuerySet[Feedback]) -> Any:
        lines = feedback_as_lines(request, queryset)
        return streamed(request, lines, "application/x-ndjson", "feedback.jsonl")

    def _mark(self, request: HttpRequest, queryset: QuerySet[Feedback], *, handled: bool) -> int:
        by = request.user.get_username()[:254]
        marked = Feedback.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)))
        return marked.filter(handled_at__isnull=handled).update(
            handled_at=timezone.now() if handled else None, handled_by=by if handled else ""
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {**self.reason_context(request), **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The rating with question and answers; POST `handled=1` or `0` marks it and leads on."""
        rating = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, rating):
            raise PermissionDenied
        if rating is None:
            return self.gone(request, object_id)
        if request.method == "POST":
            return self._handle(request, rating)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(("GET", "HEAD", "POST"))
        readable = may_read(request)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Feedback"),
            "subtitle": None,
            "opts": self.opts,
            "media": self.media,
            "rating": rating,
            "owner": owner_name(rating.owner),
            "thumb": self.thumb(rating),
            "reasons": self.why(rating),
            "readable": readable,
            "may_handle": self.has_handle_permission(request),
            "open": self._queue(request).count(),
            **(self._texts(request, rating) if readable else self.reason_context(request)),
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.review_template, context)

    def _texts(self, request: HttpRequest, rating: Feedback) -> dict[str, Any]:
        answer = Message.objects.select_related("conversation__owner", "parent").get(pk=rating.message_id)
        record(request, ContentAccess.Action.COMPARED, [answer.conversation], why=reason_of(request))
        budget = Budget(RENDERED_CHARS)
        answers = siblings_of([answer])[answer.pk]
        return {
            "question": answer.parent.content if answer.parent is not None else "",
            "answers": [
                {"message": each, "text": budget.render(each.content), "rated": each.pk == answer.pk}
                for each in answers
            ],
        }

    def _handle(self, request: HttpRequest, rating: Feedback) -> HttpResponse:
        if not self.has_handle_permission(request):
            raise PermissionDenied
        handled = request.POST.get("handled") == "1"
        self._mark(request, Feedback.objects.filter(pk=rating.pk), handled=handled)
        following = self._queue(request).exclude(pk=rating.pk).first() if handled else rating
        if following is None:
            messages.success(request, _("That was the last one."))
            return HttpResponseRedirect(
                reverse("admin:llmchat_feedback_changelist", current_app=self.admin_site.name)
            )
        return HttpResponseRedirect(
            reverse("admin:llmchat_feedback_change", args=(following.pk,), current_app=self.admin_site.name)
        )

    def _queue(self, request: HttpRequest) -> QuerySet[Feedback]:
        return self.get_queryset(request).filter(handled_at__isnull=True).order_by("-updated", "-id")

    @admin.display(description=_("rating"))
    def thumb(self, rating: Feedback) -> SafeString:
        state = "closed" if rating.rating > 0 else "open"
        label = Feedback.Rating(rating.rating).label
        return format_html('<span class="llmchat llmchat-status" data-state="{}">{}</span>', state, label)

    @admin.display(description=_("last change"))
    def when(self, rating: Feedback) -> SafeString:
        return show_age(rating.updated)

    @admin.display(description=_("user"))
    def owner_label(self, rating: Feedback) -> str:
        return owner_name(rating.owner)

    @admin.display(description=_("model"))
    def answered_by(self, rating: Any) -> str:
        return str(rating.model)

    @admin.display(description=_("reasons"))
    def why(self, rating: Feedback) -> SafeString:
        known = dict(Feedback.Reason.choices)
        reasons = [str(known.get(reason, reason)) for reason in rating.reasons]
        spans = format_html_join("", "<span>{}</span>", ((reason,) for reason in reasons))
        return format_html('<span class="llmchat llmchat-reasons">{}</span>', spans) if reasons else spans

    @admin.display(description=_("comment"))
    def comment_shown(self, rating: Any) -> str:
        if not rating.comment:
            return ""
        return Truncator(rating.comment).chars(COMMENT) if rating.readable else "•••"

    @admin.display(description=_("conversation"))
    def conversation_link(self, rating: Any) -> SafeString:
        url = reverse("admin:llmchat_conversation_change", args=(rating.conversation,))
        url += f"?message={rating.position}#m-{rating.position}"
        return format_html('<a href="{}">{}</a>', url, str(rating.conversation)[:8])

    @admin.display(description=_("handled"))
    def handled(self, rating: Feedback) -> str:
        return rating.handled_by if rating.handled_at is not None else ""
