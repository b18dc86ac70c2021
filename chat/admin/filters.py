"""The filters beside the lists."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..conf import settings
from ..exceptions import SENTENCES
from ..models import LIVE, Conversation, Generation, Message, Status
from .rows import latest_answer_status

#: Of the protocol's codes those that can end an answer; the others refuse a command.
ENDINGS = (
    *sorted(code for code in SENTENCES if code.startswith("upstream_")),
    *("content_filtered", "context_too_long", "internal", "model_unavailable"),
)


class ModelFilter(SimpleListFilter):
    """By model: those on offer, and those that conversations were held with."""

    title = _("model")
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        names = {name for provider in settings.PROVIDERS.values() for name in provider.MODELS}
        names.add(settings.MODEL)
        names.update(Conversation.objects.order_by().values_list("model", flat=True).distinct()[:200])
        return [(name, name) for name in sorted(names) if name]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(model=self.value()) if self.value() else queryset


class AnswerStatusFilter(SimpleListFilter):
    """By how the latest answer of a conversation ended, or that it has not."""

    title = _("status of the latest answer")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return list(Status.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        status = self.value()
        if status not in Status.values:
            return queryset
        if status in LIVE:
            # Few are live, and an index knows them: no need to look at every conversation's last answer.
            live = Message.objects.filter(generations__in=Generation.objects.filter(status__in=LIVE))
            queryset = queryset.filter(pk__in=live.values("conversation"))
        found: QuerySet[Any] = queryset.alias(latest=latest_answer_status()).filter(latest=status)
        return found


class ErrorFilter(SimpleListFilter):
    """By the protocol's code of the error that an answer ended with."""

    title = _("error")
    parameter_name = "error"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("any", str(_("Any"))), *((code, code) for code in ENDINGS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return (
            queryset.exclude(error_code="")
            if self.value() == "any"
            else queryset.filter(error_code=self.value())
        )
