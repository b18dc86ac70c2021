"""Deleting a budget, with a counter for each user and period that there was."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat.models import Banner, Budget, BudgetCounter, Reservation

from .conftest import client_of

pytestmark = pytest.mark.django_db

LIST = "/admin/llmchat/budget/"


def counted(counters: int) -> Budget:
    budget = Budget.objects.create(limit=Decimal(10))
    begin = timezone.now()
    BudgetCounter.objects.bulk_create(
        BudgetCounter(budget=budget, starts=begin - datetime.timedelta(days=n)) for n in range(counters)
    )
    Reservation.objects.create(generation_id=1, counter=budget.counters.all()[0], amount=1)
    return budget


@pytest.mark.parametrize("several", [False, True])
def test_a_budget_is_deleted_with_counts_however_many_counters_it_has(several: bool) -> None:
    budget, kept = counted(3000), counted(1)
    client = client_of("superuser")
    action = {"action": "delete_selected", "_selected_action": str(budget.pk)} if several else {}
    address = LIST if several else f"{LIST}{budget.pk}/delete/"
    with CaptureQueriesContext(connection) as captured:
        page = client.post(address, action).text if several else client.get(address).text
        client.post(address, {**action, "post": "yes"})
    assert "Counters: 3000" in page
    assert "Reservations: 1" in page
    assert str(budget) in page
    assert len(page) < 20_000
    assert len(captured) <= 40
    # No statement names the counters one by one.
    assert max(len(query["sql"]) for query in captured) < 5_000
    assert list(Budget.objects.all()) == [kept]
    assert BudgetCounter.objects.count() == Reservation.objects.count() == 1


def test_what_has_no_answers_says_nothing_of_them() -> None:
    banner = Banner.objects.create(text="b")
    client = client_of("superuser")
    action = {"action": "delete_selected", "_selected_action": str(banner.pk)}
    for page in (
        client.get(f"/admin/llmchat/banner/{banner.pk}/delete/"),
        client.post("/admin/llmchat/banner/", action),
        client.get(f"{LIST}{counted(1).pk}/delete/"),
    ):
        assert "Are you sure" in page.text
        assert "Answers being written" not in page.text
