"""Budgets against real processes: two that share a database, and one that is killed."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from pathlib import Path

import pytest

from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream
from tests.engine.test_budgets import flood
from tests.servers import SiteProcess
from tests.wsclient import ChatClient

pytestmark = pytest.mark.slow

VARIABLES = {
    "LLMCHAT_COMMANDS_PER_MINUTE": "0",
    "LLMCHAT_MAX_QUEUED_PER_USER": "500",
    "LLMCHAT_MAX_RUNNING_PER_USER": "50",
}


def budget(site: SiteProcess, **fields: object) -> None:
    site.django("from chat.models import Budget\nBudget.objects.create(**fields)", fields=fields)


async def test_over_two_processes_exactly_a_hundred_of_two_hundred_get_through(
    tmp_path: Path, database_url: str, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(*[Script(count=2)] * 100)
    variables = {**VARIABLES, "OPENAI_BASE_URL": scripted_upstream.base_url}
    with (
        SiteProcess(tmp_path, "uvicorn", database_url=database_url, **variables) as first,
        SiteProcess(tmp_path, "uvicorn", database_url=first.database_url, **variables) as second,
    ):
        # Made while both run: it is in force from that moment on, in both.
        budget(first, scope="everyone", shared=True, measure="messages", window="month", limit=100)
        clients = []
        for name in ("ada", "bob"):
            session = first.sign_in(name)
            clients += [ChatClient(site.socket_url, site.headers(session)) for site in (first, second)]
        for client in clients:
            await client.connect()
        assert await flood(clients, 200) == (100, 100)
        for client in clients:
            await client.close()
        assert first.django("__import__('chat.models').models.Generation.objects.count()") == 100


async def test_of_a_killed_process_nothing_stays_reserved_and_the_sums_are_those_of_the_ledger(
    tmp_path: Path, database_url: str, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(*[Script(count=2)] * 3, *[Script(count=2000, rate=20)] * 3)
    variables = {**VARIABLES, "OPENAI_BASE_URL": scripted_upstream.base_url}
    with SiteProcess(tmp_path, "uvicorn", database_url=database_url, **variables) as site:
        for measure in ("messages", "tokens", "cost"):
            budget(site, scope="everyone", shared=True, measure=measure, window="month", limit=10**6)
        budget(site, scope="everyone", measure="running", window="", limit=10)
        async with ChatClient(site.socket_url, site.headers(site.sign_in("ada"))) as client:
            for _ in range(3):
                await client.ended((await client.send("short"))["generation"])
            running = [await client.send("long") for _ in range(3)]
            for one in running:
                await client.text(one["generation"], 10)
            before = standing(site)
            await asyncio.to_thread(site.kill)
        assert before["running"] == (0, 3)
        assert before["messages"] == (3, 3)
        site.start()
        await asyncio.to_thread(wait_for_recovery, site)
        after = standing(site)
        assert {measure: reserved for measure, (_, reserved) in after.items()} == dict.fromkeys(after, 0)
        ledger = site.django(
            """
            from chat.models import Generation, Reservation, UsageRecord
            rows = list(UsageRecord.objects.all())
            result = {
                "tokens": sum(row.prompt_tokens + row.completion_tokens for row in rows),
                "cost": str(sum(row.cost or 0 for row in rows)),
                "reserved": sum(row.reserved for row in Generation.objects.all()),
                "reservations": Reservation.objects.count(),
            }
            """
        )
        assert after["messages"] == (6, 0)
        assert after["tokens"] == (ledger["tokens"], 0)
        assert Decimal(after["cost"][0]) / 10**9 == Decimal(ledger["cost"])
        assert Decimal(ledger["reserved"]) == 0
        assert ledger["reservations"] == 0


def wait_for_recovery(site: SiteProcess) -> None:
    deadline = time.monotonic() + 30
    live = "__import__('chat.models').models.Generation.objects.filter(ended=None).count()"
    while site.django(live):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def standing(site: SiteProcess) -> dict[str, tuple[int, int]]:
    """Used and reserved units, by measure."""
    rows = site.django(
        """
        from chat.models import BudgetCounter
        rows = BudgetCounter.objects.select_related("budget")
        result = {row.budget.measure: [row.used, row.reserved] for row in rows}
        """
    )
    return {measure: (used, reserved) for measure, (used, reserved) in rows.items()}
