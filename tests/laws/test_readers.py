"""Readers that come late, go early or read slowly: nothing is lost to them, nothing goes on for them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chat.engine import intake, runner
from chat.engine.follower import Follower
from chat.models import Generation
from chat.testing.script import Script
from tests.insite import InSite


@pytest.fixture
def slow_submit(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Commands are committed, and their tasks begin, only half a second later."""
    begun = asyncio.Event()
    submit = intake.Intake._commit

    async def slow(self: Any, *args: Any) -> Any:
        committed = await submit(self, *args)
        begun.set()
        await asyncio.sleep(0.5)
        return committed

    monkeypatch.setattr(intake.Intake, "_commit", slow)
    return begun


@pytest.mark.chat(ABANDON_AFTER=1)
async def test_a_tab_closed_while_its_command_is_written_is_not_taken_for_a_watcher(
    site: InSite, slow_submit: asyncio.Event
) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(count=100_000, rate=50))
    await client.say("send", text="go", conversation=None)
    await slow_submit.wait()
    await client.cut()
    await asyncio.to_thread(site.upstream.wait_requests, 1, 5)
    closed = await asyncio.to_thread(site.upstream.wait_closed, 0, 5)
    assert closed.closed_by == "client"
    assert not site.runner.hub.by_conversation
    row = await site.db(Generation.objects.get)
    async with asyncio.timeout(5):
        while row.status == "running":
            await asyncio.sleep(0.02)
            row = await site.db(Generation.objects.get)
    assert (row.status, row.reason) == ("stopped", "abandoned")


async def test_a_slow_reader_gets_the_whole_answer_though_its_log_is_forgotten(
    site: InSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "AFTERGLOW", 0.1)
    script = Script(count=400, rate=400)
    client = await site.client(await site.user())
    site.upstream.script(script)
    accepted = await client.send("go")
    follower = Follower(site.runner.logs[accepted["generation"]])
    pieces = []
    async for piece in follower.texts():
        pieces.append(piece)
        if len(pieces) == 3:
            await client.ended(accepted["generation"])
            await asyncio.sleep(0.5)
            assert accepted["generation"] not in site.runner.logs
    assert "".join(pieces) == script.text
    assert follower.end is not None


async def test_unwatching_one_conversation_leaves_the_end_of_another(site: InSite) -> None:
    cookie = await site.user()
    client = await site.client(cookie)
    answers = []
    for _ in range(2):
        site.upstream.script(Script(count=3))
        accepted = await client.send("go")
        await client.ended(accepted["generation"])
        answers.append(accepted)
    site.runner.logs.clear()
    late = await site.client(cookie)
    for one in answers:
        await late.say("watch", conversation=one["conversation"], seen={str(one["generation"]): -1})
    await late.say("unwatch", conversation=answers[0]["conversation"])
    await late.ended(answers[1]["generation"])
    assert late.shown[answers[1]["generation"]].text == Script(count=3).text


async def test_an_answer_read_at_the_moment_of_its_end_is_whole_or_to_be_watched(site: InSite) -> None:
    import aiohttp

    cookie = await site.user()
    client = await site.client(cookie)
    script = Script(count=20, rate=400)
    conversation = None
    async with aiohttp.ClientSession(cookies={"sessionid": cookie}) as session:
        for _ in range(10):
            site.upstream.script(script)
            accepted = await client.send("go", conversation)
            conversation = accepted["conversation"]
            while (
                client.shown.get(accepted["generation"]) is None
                or not client.shown[accepted["generation"]].end
            ):
                async with session.get(f"{site.origin}/api/conversations/{conversation}/") as response:
                    last = (await response.json())["messages"][-1]
                assert (last["text"], last["n"]) == ("", -1) or last["text"] == script.text
