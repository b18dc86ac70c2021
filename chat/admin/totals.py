"""Counts and sums of a conversation, computed for the rows of one page only."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest

from ..models import Conversation, Generation, Message, Role
from .base import may_read


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


class PageTotals(ChangeList):
    """Finds the rows of the page first and adds the totals to these alone, and whether they are `readable`.

    As annotations of the whole list they would be computed for all rows before the page as well.
    """

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        keys = list(self.result_list.values_list("pk", flat=True))
        page = with_totals(self.root_queryset.filter(pk__in=keys).select_related("owner"))
        rows = page.in_bulk()
        readable = may_read(request)
        for row in rows.values():
            row.readable = readable
        self.result_list = [rows[key] for key in keys if key in rows]
