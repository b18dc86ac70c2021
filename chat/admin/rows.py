"""What a page of a list shows beyond the columns of its table, computed for the rows of that page only."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, F, OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest

from ..models import Conversation, Generation, Message, Role
from .base import M, ReadOnlyAdmin, may_read


def latest_answer_status() -> Subquery:
    """The status of the answer last written in a conversation; None without one."""
    answers = Message.objects.filter(conversation=OuterRef("pk"), role=Role.ASSISTANT)
    return Subquery(answers.order_by("-position").values("status")[:1])


def with_totals(queryset: QuerySet[Conversation]) -> QuerySet[Any]:
    """Adds `messages_count`, `answer_status`, `tokens` and `cost` (the last two None when not known)."""
    messages = Message.objects.filter(conversation=OuterRef("pk")).order_by().values("conversation")
    runs = Generation.objects.filter(message__conversation=OuterRef("pk")).order_by()
    of_all = runs.values("message__conversation")
    tokens = Sum("prompt_tokens", default=0) + Sum("completion_tokens", default=0)
    return queryset.annotate(
        messages_count=Subquery(messages.annotate(count=Count("pk")).values("count")),
        answer_status=latest_answer_status(),
        tokens=Subquery(of_all.annotate(tokens=tokens).values("tokens")),
        cost=Subquery(of_all.annotate(spent=Sum("cost")).values("spent")),
    )


def with_conversation(queryset: QuerySet[Generation]) -> QuerySet[Any]:
    """Adds `conversation` (its key, or None), `temporary` and `position`.

    The message itself would bring its texts.
    """
    return queryset.annotate(
        conversation=F("message__conversation_id"),
        temporary=F("message__conversation__temporary"),
        position=F("message__position"),
    )


class PageRows(ChangeList):
    """Finds the keys of the page first, then loads these rows through `model_admin.complete`.

    Joins and subqueries of the whole list would be computed to count it, and for all rows before the
    page. Each row is told whether its texts are `readable`.
    """

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        keys = list(self.result_list.values_list("pk", flat=True))
        page = self.model._default_manager.filter(pk__in=keys)
        admin = cast("PageRowsAdmin[Any]", self.model_admin)
        rows = admin.complete(page).in_bulk()
        readable = may_read(request)
        for row in rows.values():
            row.readable = readable
        self.result_list = [rows[key] for key in keys if key in rows]
        admin.rows_shown(request, self.result_list, self.query)


class PageRowsAdmin(ReadOnlyAdmin[M]):
    """Loads what `complete` adds for one page, or for one object, and not for the whole list."""

    def complete(self, queryset: QuerySet[M]) -> QuerySet[Any]:
        """Adds relations and annotations that columns or the page of one object need."""
        raise NotImplementedError

    def rows_shown(self, request: HttpRequest, rows: list[Any], query: str) -> None:
        """Called with the rows of each page that is about to be shown, and with the term searched for."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PageRows

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> M | None:
        found = super().get_object(request, object_id, from_field)
        if found is None:
            return None
        complete: M | None = self.complete(self.get_queryset(request).filter(pk=found.pk)).first()
        return complete
