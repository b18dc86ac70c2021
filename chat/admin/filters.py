"""The filters beside the lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from ..conf import settings
from ..exceptions import SENTENCES
from ..models import LIVE, Conversation, Feedback, Generation, Message, Status
from .search import owners_matching

#: Of many ratings the newest are looked at.
MAX_RATED = 10_000
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
    """By how the answer of a conversation that ended last did, or that one has not."""

    title = _("status of the latest answer")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return list(Status.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        status = self.value()
        if status in LIVE:
            # Few are live, and an index knows them.
            live = Message.objects.filter(generations__in=Generation.objects.filter(status=status))
            return queryset.filter(pk__in=live.values("conversation"))
        return queryset.filter(ended_status=status) if status in Status.values else queryset


class LatestErrorFilter(SimpleListFilter):
    """By the code with which the answer of a conversation that ended last did."""

    title = _("error")
    parameter_name = "error"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("any", str(_("Any"))), *((code, code) for code in ENDINGS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        if self.value() == "any":
            return queryset.exclude(ended_error="")
        # With the index's own condition, or SQLite passes it by.
        return queryset.exclude(ended_error="").filter(ended_error=self.value())


class RatedFilter(SimpleListFilter):
    """By whether somebody has rated an answer of a conversation."""

    title = _("feedback")
    parameter_name = "feedback"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return [("any", _("Any")), ("good", _("good")), ("bad", _("bad"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        ratings = {"good": [Feedback.Rating.GOOD], "bad": [Feedback.Rating.BAD]}
        if (value := self.value()) not in {"any", *ratings}:
            return queryset
        rated = Feedback.objects.filter(rating__in=ratings.get(value, Feedback.Rating.values))
        newest = rated.order_by("-updated", "-id")[:MAX_RATED]
        return queryset.filter(
            pk__in=Message.objects.filter(pk__in=newest.values("message")).values("conversation")
        )


class UserFilter(SimpleListFilter):
    """By a user's name, which the browser completes while it is typed; a site may have thousands."""

    title = _("user")
    parameter_name = "user"
    template = "admin/llmchat/text_filter.html"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return []

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        term = (self.value() or "").strip()
        if not term:
            return queryset
        model = get_user_model()
        exact = model._default_manager.filter(**{model.USERNAME_FIELD: term}).values_list("pk", flat=True)
        if (key := exact.first()) is not None:
            return queryset.filter(owner=key)
        found = owners_matching(term)
        if not found.exists():
            messages.warning(request, _("There is no user like “%(term)s”.") % {"term": term[:80]})
        return queryset.filter(owner__in=found)

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        yield {
            "name": self.parameter_name,
            "value": self.value() or "",
            "placeholder": _("Name or e-mail"),
            "source": reverse("admin:llmchat_conversation_owners"),
            "without": changelist.get_query_string(remove=[self.parameter_name]),
            "kept": [
                (name, value)
                for name, values in changelist.filter_params.items()
                if name not in (self.parameter_name, "q")
                for value in (values if isinstance(values, list) else [values])
            ],
            "query": changelist.query,
        }


class GroupFilter(SimpleListFilter):
    """By the group of the owner; without an output where users have none."""

    title = _("group")
    parameter_name = "group"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        if not has_groups():
            return []
        return [
            (str(pk), name) for pk, name in Group.objects.order_by("name").values_list("pk", "name")[:100]
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        if not (has_groups() and value.isascii() and value.isdecimal() and len(value) < 10):
            return queryset
        members = get_user_model()._default_manager.filter(groups=int(value))
        return queryset.filter(owner__in=members.values("pk"))


def has_groups() -> bool:
    """Whether the site's users can be in groups; a user model of one's own need not know them."""
    model = get_user_model()
    return any(field.name == "groups" and field.related_model is Group for field in model._meta.get_fields())


class ErrorFilter(SimpleListFilter):
    """By the protocol's code of the error that an answer ended with."""

    title = _("error")
    parameter_name = "error"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("any", str(_("Any"))), *((code, code) for code in ENDINGS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        # With the index's own condition, or SQLite passes it by.
        failed = queryset.exclude(error_code="")
        return failed if self.value() == "any" else failed.filter(error_code=self.value())
