"""Law 5: stop is stop, within 500 ms, from anywhere; and it is not disconnect."""

from __future__ import annotations

import asyncio
import time

import pytest

from chat.engine.follower import Follower
from chat.engine.stopping import request_stop
from chat.models import Generation
from chat.testing.script import Script
from tests.insite import InSite

ENDLESS = Script(count=100_000, rate=50)
#: Of the contract: seconds until the upstream sees the close.
DEADLINE = 0.5


async def closed_within_deadline(site: InSite, started: float, index: int = -1) -> None:
    seen = site.upstream.seen[index]
    closed = await asyncio.to_thread(site.upstream.wait_closed, seen.index, 2)
    assert closed.closed_at is not None
    assert closed.closed_by == "client"
    assert closed.closed_at - started <= DEADLINE


async def test_before_the_first_token(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(fault="hang"))
    accepted = await client.send("go")
    await asyncio.to_thread(site.upstream.wait_requests, 1, 5)
    started = time.monotonic()
    await client.say("stop", generation=accepted["generation"])
    end = await client.ended(accepted["generation"])
    assert (end["status"], end["reason"], end["error"]) == ("stopped", "user", None)
    await closed_within_deadline(site, started)


async def test_before_the_headers(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(fault="hang", fault_at=-1))
    accepted = await client.send("go")
    await asyncio.to_thread(site.upstream.wait_requests, 1, 5)
    started = time.monotonic()
    await client.say("stop", generation=accepted["generation"])
    assert (await client.ended(accepted["generation"]))["status"] == "stopped"
    await closed_within_deadline(site, started)


async def test_in_the_middle_from_another_tab_that_does_not_watch(site: InSite) -> None:
    cookie = await site.user()
    client, other = await site.client(cookie), await site.client(cookie)
    site.upstream.script(ENDLESS)
    accepted = await client.send("go")
    await client.text(accepted["generation"], 20)
    started = time.monotonic()
    reply = await other.ask("stop", generation=accepted["generation"])
    assert (reply["type"], reply["status"]) == ("end", "stopped")
    await closed_within_deadline(site, started)
    end = await client.ended(accepted["generation"])
    assert ENDLESS.text.startswith(client.shown[accepted["generation"]].text)
    assert end["reason"] == "user"


async def test_twice_and_from_two_tabs_is_one_end(site: InSite) -> None:
    cookie = await site.user()
    client, other = await site.client(cookie), await site.client(cookie)
    site.upstream.script(ENDLESS)
    accepted = await client.send("go")
    await client.text(accepted["generation"], 20)
    for tab in (client, other, client, other):
        await tab.say("stop", generation=accepted["generation"])
    await client.ended(accepted["generation"])
    ends = [f for f in client.frames if isinstance(f, dict) and f["type"] == "end" and "id" not in f]
    assert len(ends) == 1
    assert client.shown[accepted["generation"]].ends == 1


async def test_racing_the_end_there_is_one_end_and_it_is_true(site: InSite) -> None:
    client = await site.client(await site.user())
    for delay in range(12):
        site.upstream.script(Script(count=10, rate=500))
        accepted = await client.send("go")
        await asyncio.sleep(delay * 0.005)
        await client.say("stop", generation=accepted["generation"])
        end = await client.ended(accepted["generation"])
        row = await site.db(Generation.objects.get, pk=accepted["generation"])
        assert end["status"] == row.status
        assert row.status in ("complete", "stopped")
    assert not client.mismatches


@pytest.mark.chat(MAX_RUNNING_PER_USER=1)
async def test_while_queued_no_upstream_is_ever_asked(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(ENDLESS)
    first = await client.send("one")
    second = await client.send("two")
    await client.frame(lambda f: isinstance(f, dict) and f.get("kind") == "queued")
    await client.say("stop", generation=second["generation"])
    assert (await client.ended(second["generation"]))["status"] == "stopped"
    await site.upstream.await_requests(1)
    assert len(site.upstream.seen) == 1
    assert first["generation"] in site.runner.pumps


async def test_from_another_process_through_the_database(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(ENDLESS)
    accepted = await client.send("go")
    await client.text(accepted["generation"], 20)
    started = time.monotonic()
    await site.db(Generation.objects.filter(pk=accepted["generation"]).update, stop_requested="admin")
    end = await client.ended(accepted["generation"])
    assert (end["status"], end["reason"]) == ("stopped", "admin")
    await closed_within_deadline(site, started)


async def test_from_sync_code_of_this_process(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(ENDLESS)
    accepted = await client.send("go")
    await client.text(accepted["generation"], 20)
    assert await site.db(request_stop, [accepted["generation"]], "admin") == 1
    assert (await client.ended(accepted["generation"]))["reason"] == "admin"
    assert await site.db(request_stop, [accepted["generation"]], "user") == 0


async def test_closing_the_tab_stops_nothing(site: InSite) -> None:
    cookie = await site.user()
    client = await site.client(cookie)
    script = Script(count=60, rate=100)
    site.upstream.script(script)
    accepted = await client.send("go")
    await client.text(accepted["generation"], 20)
    await client.cut()
    closed = await asyncio.to_thread(site.upstream.wait_closed, 0, 5)
    assert closed.closed_by == "server"
    await client.connect()
    assert (await client.ended(accepted["generation"]))["status"] == "complete"
    assert client.shown[accepted["generation"]].text == script.text


@pytest.mark.chat(ABANDON_AFTER=1)
@pytest.mark.slow
async def test_what_nobody_watches_is_stopped_after_its_time_and_not_before(site: InSite) -> None:
    cookie = await site.user()
    client = await site.client(cookie)
    site.upstream.script(ENDLESS)
    accepted = await client.send("go")
    generation = accepted["generation"]
    await client.text(generation, 20)
    await asyncio.sleep(1.5)
    assert generation in site.runner.pumps
    await client.cut()
    left = time.monotonic()
    closed = await asyncio.to_thread(site.upstream.wait_closed, 0, 5)
    assert closed.closed_at is not None
    assert 1 <= closed.closed_at - left <= 1 + DEADLINE + 0.3
    await client.connect()
    end = await client.ended(generation)
    assert (end["status"], end["reason"]) == ("stopped", "abandoned")
    site.upstream.script(Script(tokens=["go on"]))
    more = await client.ask("continue", message=accepted["assistant_message"])
    assert (await client.ended(more["generation"]))["status"] == "complete"


@pytest.mark.slow
@pytest.mark.chat(ABANDON_AFTER=0.5)
async def test_a_python_or_http_door_counts_as_watching(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(ENDLESS)
    accepted = await client.send("go")
    follower = Follower(site.runner.logs[accepted["generation"]])
    await client.text(accepted["generation"], 20)
    await client.cut()
    await asyncio.sleep(1.2)
    assert accepted["generation"] in site.runner.pumps
    follower.close()
    closed = await asyncio.to_thread(site.upstream.wait_closed, 0, 5)
    assert closed.closed_by == "client"


@pytest.mark.chat(ABANDON_AFTER=0)
async def test_zero_means_never(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(ENDLESS)
    accepted = await client.send("go")
    await client.text(accepted["generation"], 20)
    await client.cut()
    await asyncio.sleep(1)
    assert accepted["generation"] in site.runner.pumps
