"""Exactly what is allowed gets through, nothing stays reserved, and the sums are those of the ledger."""

from __future__ import annotations

import asyncio
import datetime
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core import mail
from django.db import connection
from django.db.models import Sum
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chat import signals
from chat.engine import budgets, recovery
from chat.engine.budgets import claims, reserve, settle, standings
from chat.exceptions import Refused
from chat.models import Budget, BudgetCounter, Generation, Owner, Reservation, Runner, UsageRecord
from chat.testing.script import Script
from tests.insite import InSite
from tests.wsclient import ChatClient

ADA = Owner(user_id=1)
BOB = Owner(user_id=2)
GUEST = Owner(session_key="guestsessionkey")


def budget(limit: Any = 3, **fields: Any) -> Budget:
    return Budget.objects.create(**{"scope": "everyone", "measure": "messages", "limit": limit, **fields})


def take(
    owner: Owner = ADA, generation: int = 1, tokens: int = 10, cost: str = "0", user: Any = None
) -> None:
    reserve(generation, claims(owner, user, tokens, lambda: Decimal(cost)))


def passes(owner: Owner, count: int, **amounts: Any) -> int:
    """How many of so many in a row get through."""
    passed = 0
    for number in range(count):
        try:
            take(owner, 1000 + number, **amounts)
        except Refused:
            continue
        passed += 1
    return passed


@pytest.mark.django_db
def test_without_budgets_there_is_one_trivial_query() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert claims(ADA, None, 10, lambda: None) == []
    assert len(queries) == 1


@pytest.mark.django_db
def test_each_has_a_budget_of_their_own_or_all_share_one() -> None:
    budget(3)
    assert [passes(owner, 5) for owner in (ADA, BOB, GUEST)] == [3, 3, 3]
    budget(4, shared=True, window="month")
    Budget.objects.filter(shared=False).update(active=False)
    assert [passes(owner, 3) for owner in (ADA, BOB, GUEST)] == [3, 1, 0]


@pytest.mark.django_db
def test_budgets_of_a_user_and_of_a_group_hold_for_them_only() -> None:
    user = get_user_model().objects.create_user("ada")
    group = Group.objects.create(name="staff")
    user.groups.add(group)
    other = get_user_model().objects.create_user("bob")
    budget(2, scope="user", user=user)
    assert [passes(Owner.of(one), 5, user=one) for one in (user, other)] == [2, 5]
    Budget.objects.all().delete()
    budget(1, scope="group", group=group)
    assert [passes(Owner.of(one), 5, user=one) for one in (user, other)] == [1, 5]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "amounts", "passed"),
    [
        ({"measure": "tokens", "limit": 100}, {"tokens": 30}, 3),
        ({"measure": "tokens", "limit": 20}, {"tokens": 30}, 1),
        ({"measure": "tokens", "limit": 0}, {"tokens": 30}, 0),
        ({"measure": "messages", "limit": 0}, {}, 0),
        ({"measure": "cost", "limit": Decimal("0.3")}, {"cost": "0.1"}, 3),
        ({"measure": "cost", "limit": Decimal("0.000001")}, {"cost": "0.1"}, 1),
        ({"measure": "cost", "limit": 0}, {"cost": "0.1"}, 0),
        # A model without a price is free, as far as anybody knows.
        ({"measure": "cost", "limit": 0}, {"cost": "0"}, 5),
        ({"measure": "running", "window": "", "limit": 2}, {}, 2),
    ],
)
def test_what_fits_gets_through(fields: dict[str, Any], amounts: dict[str, Any], passed: int) -> None:
    budget(**fields)
    assert passes(ADA, 5, **amounts) == passed


@pytest.mark.django_db
def test_a_refusal_says_when_to_come_again() -> None:
    budget(1, window="minute")
    take()
    with pytest.raises(Refused) as refused:
        take()
    assert refused.value.retry_after is not None
    assert 0 < refused.value.retry_after <= 60
    assert refused.value.sentence == "Your budget of 1 message a minute is used up for now."


@pytest.mark.django_db
def test_in_the_next_window_there_is_a_new_budget() -> None:
    for window, later in (("minute", 60), ("day", 86_400), ("month", 86_400 * 32)):
        Budget.objects.all().delete()
        budget(1, window=window)
        assert passes(ADA, 2) == 1
        future = timezone.now() + datetime.timedelta(seconds=later)
        with mock.patch("django.utils.timezone.now", return_value=future):
            assert passes(ADA, 2) == 1


@override_settings(TIME_ZONE="Europe/Berlin")
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("window", "now", "starts", "ends"),
    [
        ("minute", "2026-03-29T00:30:40Z", "2026-03-29T00:30:00Z", "2026-03-29T00:31:00Z"),
        # The day on which clocks are put forward has 23 hours.
        ("day", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
        ("month", "2026-12-31T23:30:00Z", "2026-12-31T23:00:00Z", "2027-01-31T23:00:00Z"),
    ],
)
def test_windows_are_those_of_the_sites_time_zone(window: str, now: str, starts: str, ends: str) -> None:
    at = datetime.datetime.fromisoformat
    with timezone.override("Europe/Berlin"):
        assert Budget(window=window).period(at(now)) == (at(starts), at(ends))


@pytest.mark.django_db
def test_what_was_reserved_becomes_what_was_used() -> None:
    budget(1000, measure="tokens")
    budget("1", measure="cost")
    budget(1, measure="running", window="")
    take(generation=7, tokens=300, cost="0.25")
    settle(7, 120, Decimal("0.1"))
    settle(7, 120, Decimal("0.1"))
    counters = {row.budget.measure: (row.used, row.reserved) for row in BudgetCounter.objects.all()}
    assert counters == {"tokens": (120, 0), "cost": (100_000_000, 0), "running": (0, 0)}
    assert not Reservation.objects.exists()


@pytest.mark.django_db
def test_a_changed_limit_is_in_force_at_once() -> None:
    row = budget(1)
    assert passes(ADA, 2) == 1
    Budget.objects.filter(pk=row.pk).update(limit=3)
    assert passes(ADA, 5) == 2


@pytest.mark.django_db
def test_a_deleted_budget_disturbs_no_answer_that_reserved_on_it() -> None:
    row = budget(5)
    take(generation=7)
    row.delete()
    settle(7, 1, None)
    assert not Reservation.objects.exists()


@pytest.mark.django_db
def test_what_nobody_will_settle_is_given_back() -> None:
    budget(1000, measure="tokens")
    take(generation=7)
    Reservation.objects.update(created=timezone.now() - datetime.timedelta(hours=2))
    budgets.sweep()
    assert BudgetCounter.objects.get().reserved == 0


@pytest.mark.django_db(transaction=True)
def test_the_administrators_hear_once_that_the_sites_budget_is_low() -> None:
    budget(10, shared=True)
    heard: list[dict[str, Any]] = []
    signals.budget_low.connect(lambda **kwargs: heard.append(kwargs), weak=False, dispatch_uid="test")
    with override_settings(ADMINS=[("Ops", "ops@example.com")]):
        for number in range(10):
            take(generation=number + 1)
            settle(number + 1, 1, None)
            wait_for_alerts()
            assert len(mail.outbox) == (1 if number >= 7 else 0), number
    signals.budget_low.disconnect(dispatch_uid="test")
    assert [(event["used"], event["limit"]) for event in heard] == [(8, 10)]
    assert "ops@example.com" in mail.outbox[0].to


def wait_for_alerts() -> None:
    import threading

    for thread in threading.enumerate():
        if thread.name == "llmchat-alert":
            thread.join(10)


@pytest.mark.django_db
def test_the_owner_sees_what_is_left(client: Client) -> None:
    ada = get_user_model().objects.create_user("ada")
    budget(10, window="day")
    budget("2.5", measure="cost", window="month", shared=True)
    owner = Owner.of(ada)
    take(owner, 1, cost="1")
    take(owner, 2, cost="1")
    settle(1, 10, Decimal("0.5"))
    client.force_login(ada)
    shared, own = client.get(reverse("llmchat:api_limits")).json()["results"]
    assert (own["used"], own["reserved"], own["remaining"], own["percent"]) == (1, 1, 8, 20)
    assert (shared["used"], shared["remaining"], shared["limit"]) == ("0.5", "1", "2.5")
    assert own["text"] == "10 messages a day"
    assert datetime.datetime.fromisoformat(own["resets_at"]) > timezone.now()
    assert client.get(reverse("llmchat:api_limits")).json()["warn_at"] == 80


@pytest.mark.django_db
def test_a_stranger_is_told_nothing(client: Client) -> None:
    assert client.get(reverse("llmchat:api_limits")).status_code == 401
    assert standings(GUEST, None) == []


async def flood(clients: list[ChatClient], count: int) -> tuple[int, int]:
    """So many questions at once; how many were accepted and how many refused for want of budget."""
    for client in clients:
        for number in range(count // len(clients)):
            await client.say("send", text=f"question {number}", conversation=None)

    def replies(client: ChatClient) -> list[str]:
        named = [frame for frame in client.frames if isinstance(frame, dict) and "id" in frame]
        return [str(frame.get("code", frame["type"])) for frame in named]

    for client in clients:
        await client.until(lambda client=client: len(replies(client)) == count // len(clients), 60)  # type: ignore[misc]
    found = [reply for client in clients for reply in replies(client)]
    assert set(found) <= {"accepted", "budget_exhausted"}
    return found.count("accepted"), found.count("budget_exhausted")


BUSY = {"COMMANDS_PER_MINUTE": 0, "MAX_QUEUED_PER_USER": 500, "MAX_RUNNING_PER_USER": 50}


@pytest.mark.slow
@pytest.mark.chat(**BUSY)
async def test_of_two_hundred_at_once_exactly_a_hundred_get_through(site: InSite) -> None:
    """Of several people, on one shared budget; afterwards the counters say what the ledger says."""
    rows = await site.db(lambda: [budget(100, shared=True), budget(10**9, measure="tokens")])
    site.upstream.script(*[Script(count=3)] * 200)
    clients = [await site.client(await site.user(name)) for name in ("ada", "bob", "eve", "dan")]
    assert await flood(clients, 200) == (100, 100)
    await until_all_have_ended(site)

    def sums() -> dict[str, Any]:
        return {
            "reserved": BudgetCounter.objects.aggregate(sum=Sum("reserved"))["sum"],
            "generations": Generation.objects.aggregate(sum=Sum("reserved"))["sum"],
            "messages": BudgetCounter.objects.get(budget=rows[0]).used,
            "tokens": BudgetCounter.objects.filter(budget=rows[1]).aggregate(sum=Sum("used"))["sum"],
            "ledger": sum(row.prompt_tokens + row.completion_tokens for row in UsageRecord.objects.all()),
        }

    found = await site.db(sums)
    assert (found["messages"], found["reserved"], found["generations"]) == (100, 0, 0)
    assert found["tokens"] == found["ledger"] > 0


async def until_all_have_ended(site: InSite) -> None:
    while site.runner.pumps:
        site.runner.changed.clear()
        await asyncio.wait_for(site.runner.changed.wait(), 30)


@pytest.mark.chat(**BUSY)
async def test_calls_without_a_conversation_use_the_same_budget(site: InSite) -> None:
    from chat.engine.orders import Call

    await site.db(lambda: budget(2))
    site.upstream.script(*[Script(count=3)] * 2)
    person, _cookie = await site.person()
    call = Call([{"role": "user", "content": "hello"}], Generation.Door.HTTP)
    for _ in range(2):
        await site.runner.intake.submit_stateless(Owner.of(person), person, call)
    with pytest.raises(Refused, match="budget_exhausted"):
        await site.runner.intake.submit_stateless(Owner.of(person), person, call)
    await until_all_have_ended(site)
    counter = await site.db(lambda: BudgetCounter.objects.get())
    assert (counter.used, counter.reserved) == (2, 0)
    assert await site.db(lambda: Generation.objects.count()) == 2


@pytest.mark.django_db(transaction=True)
def test_of_a_process_that_died_nothing_stays_reserved() -> None:
    from tests.engine.test_journal import generation

    budget(1000, measure="tokens")
    budget(5, measure="running", window="")
    row = generation()
    take(generation=row.pk)
    assert row.runner is not None
    recovery.bury(row.runner.pk, Runner.objects.get(pk=row.runner.pk).beat)
    assert set(BudgetCounter.objects.values_list("reserved", flat=True)) == {0}
    spent = UsageRecord.objects.get()
    used = BudgetCounter.objects.get(budget__measure="tokens").used
    assert used == spent.prompt_tokens + spent.completion_tokens
