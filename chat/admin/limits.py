"""Budgets: who may use how much, and how much of it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.db.models import Max, Q, QuerySet, Subquery
from django.db.models.expressions import OuterRef
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from ..engine.budgets import describe
from ..models import Budget, BudgetCounter

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Budget]
else:
    _ModelAdmin = admin.ModelAdmin


@admin.register(Budget)
class BudgetAdmin(_ModelAdmin):
    """The budgets; each is in force from the moment it is saved, in all processes."""

    list_display: tuple[Any, ...] = ("name", "scope", "shared", "most_used", "active")
    list_display_links = ("name",)
    list_filter: ClassVar[tuple[Any, ...]] = ("scope", "measure", "active")
    list_select_related = ("user", "group")
    list_per_page = 50
    list_max_show_all = 200
    show_full_result_count = False
    raw_id_fields = ("user",)
    fields = ("scope", "user", "group", "shared", "measure", "window", "limit", "active")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        now = timezone.now()
        present = Q(pk__in=[])
        for window in ("", *Budget.Window.values):
            present |= Q(budget__window=window, starts=Budget(window=window).period(now)[0])
        counters = BudgetCounter.objects.filter(present, budget=OuterRef("pk")).order_by().values("budget")
        most = Subquery(counters.annotate(most=Max("used")).values("most"))
        return super().get_queryset(request).annotate(most=most)

    @admin.display(description=_("budget"))
    def name(self, budget: Budget) -> str:
        whom = budget.user or budget.group or budget.get_scope_display()
        return f"{whom}: {describe(budget)}"

    @admin.display(description=_("used in the present period, by whoever used most"))
    def most_used(self, budget: Any) -> str:
        if not budget.units or budget.most is None:
            return ""
        return f"{number_format(budget.most * 100 / budget.units, 0)} %"
