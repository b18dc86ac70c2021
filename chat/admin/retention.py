"""For how long conversations are kept, and what must not be deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..models import LegalHold, RetentionRule

if TYPE_CHECKING:
    _HoldAdmin = admin.ModelAdmin[LegalHold]
    _RuleAdmin = admin.ModelAdmin[RetentionRule]
else:
    _HoldAdmin = _RuleAdmin = admin.ModelAdmin


@admin.register(RetentionRule)
class RetentionRuleAdmin(_RuleAdmin):
    """The rules that `llmchat_purge` goes by."""

    list_display: tuple[Any, ...] = ("whom", "keep_days")
    list_select_related = ("group",)
    show_full_result_count = False

    @admin.display(description=_("group"), ordering="group")
    def whom(self, rule: RetentionRule) -> str:
        return str(rule.group or _("everybody else"))


@admin.register(LegalHold)
class LegalHoldAdmin(_HoldAdmin):
    """Holds are made and lifted; Django's own log says by whom."""

    list_display: tuple[Any, ...] = ("held", "why", "by", "since")
    list_select_related = ("user", "conversation")
    show_full_result_count = False
    raw_id_fields = ("user", "conversation")
    fields = ("user", "conversation", "why")
    search_fields = ("why", "by")

    def save_model(
        self, request: HttpRequest, obj: LegalHold, form: ModelForm[LegalHold], change: bool
    ) -> None:
        if not change:
            obj.by = request.user.get_username()[:254]
        super().save_model(request, obj, form, change)

    def has_change_permission(self, request: HttpRequest, obj: LegalHold | None = None) -> bool:
        # Lifted and made anew: who changed whom a hold is on would be hard to tell afterwards.
        return False

    @admin.display(description=_("on"))
    def held(self, hold: LegalHold) -> str:
        return str(hold.user or hold.conversation)
