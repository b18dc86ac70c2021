"""Budgets: who may use how much, and how much of it is used."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Max, Q, QuerySet, Subquery
from django.db.models.expressions import OuterRef
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from ..engine.budgets import describe
from ..models import Budget, BudgetCounter, Reservation
from .deletion import CountingAdmin


@admin.register(Budget)
class BudgetAdmin(CountingAdmin[Budget]):
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

    def delete_model(self, request: HttpRequest, obj: Budget) -> None:
        self.delete_queryset(request, Budget.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Budget]) -> None:
        # There is a counter for each user and period: Django would load all of them first.
        counters = BudgetCounter.objects.filter(budget__in=list(queryset.values_list("pk", flat=True)))
        reservations = Reservation.objects.filter(counter__in=counters)
        reservations._raw_delete(reservations.db)
        counters._raw_delete(counters.db)
        super().delete_queryset(request, queryset)

    @admin.display(description=_("budget"))
    def name(self, budget: Budget) -> str:
        whom = budget.user or budget.group or budget.get_scope_display()
        return f"{whom}: {describe(budget)}"

    @admin.display(description=_("used in the present period, by whoever used most"))
    def most_used(self, budget: Any) -> str:
        if not budget.units or budget.most is None:
            return ""
        return f"{number_format(budget.most * 100 / budget.units, 0)} %"
