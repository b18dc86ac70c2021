"""The operator's switches: in force within five seconds, for one model or for all, and taken back alike."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from chat.models import Pause, Runner
from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream
from tests.insite import InSite
from tests.servers import SiteProcess
from tests.wsclient import ChatClient

#: Seconds until every process knows.
DEADLINE = 5.0


async def in_force(site: InSite, *names: str) -> None:
    started = time.monotonic()
    while site.runner.health.paused != frozenset(names):
        assert time.monotonic() - started < DEADLINE
        await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_paused_site_takes_no_questions_and_lets_answers_end(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(count=200, rate=50))
    accepted = await client.send("before")
    await site.db(Pause.objects.create, model="")
    await in_force(site, "")
    reply = await client.ask("send", text="after", conversation=None)
    assert (reply["type"], reply["code"]) == ("error", "unavailable")
    assert (await client.ended(accepted["generation"]))["status"] == "complete"
    await site.db(Pause.objects.all().delete)
    await in_force(site)
    assert (await client.ended((await client.send("again"))["generation"]))["status"] == "complete"


@pytest.mark.slow
async def test_a_paused_model_is_not_to_be_had(site: InSite) -> None:
    client = await site.client(await site.user())
    accepted = await client.send("before")
    await client.ended(accepted["generation"])
    for name in ("scripted", "default/scripted", "default/"):
        await site.db(Pause.objects.create, model=name)
        await in_force(site, name)
        reply = await client.ask("send", text="after", conversation=None, model="scripted")
        assert (reply["type"], reply["code"]) == ("error", "model_unavailable")
        await site.db(Pause.objects.all().delete)
        await in_force(site)


async def takes_questions(client: ChatClient) -> bool:
    reply = await client.ask("send", text="Is anybody there?", conversation=None)
    if reply["type"] == "accepted":
        await client.ended(reply["generation"])
        return True
    assert reply["code"] == "unavailable"
    return False


@pytest.mark.slow
async def test_both_of_two_processes_obey_within_five_seconds(
    tmp_path: Path, database_url: str, scripted_upstream: ScriptedUpstream
) -> None:
    provider = {"OPENAI_BASE_URL": scripted_upstream.base_url}
    with (
        SiteProcess(tmp_path, "daphne", database_url=database_url, **provider) as one,
        SiteProcess(tmp_path, "uvicorn", database_url=database_url, **provider) as other,
    ):
        cookies = one.sign_in("ada"), other.sign_in("bob")
        async with (
            ChatClient(one.socket_url, one.headers(cookies[0])) as ada,
            ChatClient(other.socket_url, other.headers(cookies[1])) as bob,
        ):
            assert await takes_questions(ada)
            assert await takes_questions(bob)
            for switch, wanted in (("objects.create(model='')", False), ("objects.all().delete()", True)):
                one.django(f"from chat.models import Pause\nresult = bool(Pause.{switch})")
                thrown = time.monotonic()
                for client in (ada, bob):
                    while await takes_questions(client) is not wanted:
                        assert time.monotonic() - thrown < DEADLINE
                        await asyncio.sleep(0.1)


async def test_a_retry_of_what_was_accepted_is_answered_though_all_is_paused(site: InSite) -> None:
    client = await site.client(await site.user())
    accepted = await client.send("before")
    await client.ended(accepted["generation"])
    await site.db(Pause.objects.create, model="")
    await in_force(site, "")
    again = await client.send("before", id=accepted["id"])
    assert again["generation"] == accepted["generation"]


async def test_a_process_tells_of_its_answers_with_each_beat(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(count=10_000, rate=50))
    generation = (await client.send("go"))["generation"]
    started = time.monotonic()
    while True:
        figures = (await site.db(Runner.objects.get)).figures
        tokens, rate = figures.get("answers", {}).get(str(generation), (0, 0))
        if rate:
            break
        assert time.monotonic() - started < 10
        await asyncio.sleep(0.1)
    assert tokens > 0
    assert figures["running"] == 1
    await client.say("stop", generation=generation)
    await client.ended(generation)
