"""A slow tab costs at most a window: what is unacknowledged is bounded, and nobody else waits for it."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from chat import outbox
from chat.testing.script import Script
from tests.insite import InSite

#: Half a megabyte, as fast as it can be read.
BIG = Script(count=5000, pattern="x" * 99 + "\n")


def sockets_of(site: InSite) -> list[Any]:
    return site.runner.hub.sockets


async def test_without_acks_at_most_a_window_is_sent_and_an_ack_goes_on_where_it_stopped(
    site: InSite,
) -> None:
    cookie = await site.user()
    client = await site.client(cookie, acks=False)
    site.upstream.script(BIG)
    accepted = await client.send("go")
    generation = accepted["generation"]
    reader = await site.client(cookie)
    await reader.watch(accepted["conversation"])
    await reader.ended(generation)
    await client.ask("ping")
    frames = [f for f in client.frames if isinstance(f, list)]
    largest = max(len(f[2]) for f in frames)
    sent = sum(len(f[2]) for f in frames)
    assert 0 < sent <= outbox.WINDOW + largest
    assert client.shown[generation].end is None
    client.acks = True
    await client.acknowledge()
    await client.ended(generation)
    assert client.shown[generation].text == BIG.text
    assert not client.violations
    assert not client.mismatches


async def test_watching_again_and_again_without_acks_gets_no_more_than_a_window(site: InSite) -> None:
    cookie = await site.user()
    reader = await site.client(cookie)
    site.upstream.script(BIG)
    accepted = await reader.send("go")
    generation, conversation = accepted["generation"], accepted["conversation"]
    await reader.ended(generation)
    client = await site.client(cookie, acks=False)
    await client.watch(conversation, seen={str(generation): -1})
    for turn in range(10):
        if turn % 3 == 2:
            await client.say("unwatch", conversation=conversation)
        await client.say("watch", conversation=conversation, seen={str(generation): 0})

    def sizes() -> list[int]:
        return [len(f[2]) for f in client.frames if isinstance(f, list)]

    await client.until(lambda: sum(sizes()) > outbox.WINDOW // 2)
    # Commands are carried out in order: those to watch have been when this one is refused.
    await client.ask("edit", message=str(uuid4()), text="behind them")
    await client.ask("ping")
    assert sum(sizes()) <= outbox.WINDOW + max(sizes())
    client.acks = True
    await client.acknowledge()
    await client.watch(conversation)
    await client.ended(generation)
    assert client.shown[generation].text == BIG.text


async def test_replies_go_through_while_answers_are_held_back(site: InSite) -> None:
    client = await site.client(await site.user(), acks=False)
    site.upstream.script(BIG)
    accepted = await client.send("go")
    await client.text(accepted["generation"], 100_000)
    assert (await client.ask("ping"))["type"] == "pong"
    site.upstream.script(Script(count=3))
    assert (await client.ask("send", text="more", conversation=None))["type"] == "accepted"


async def test_a_snapshot_larger_than_the_window_is_sent_alone(site: InSite) -> None:
    cookie = await site.user()
    client = await site.client(cookie)
    site.upstream.script(BIG)
    accepted = await client.send("go")
    await client.ended(accepted["generation"])
    site.runner.logs.clear()
    late = await site.client(cookie, acks=False)
    seen = {str(accepted["generation"]): -1}
    await late.say("watch", conversation=accepted["conversation"], seen=seen)
    await late.frame(lambda f: isinstance(f, dict) and f["type"] == "begin")
    await late.ask("ping")
    assert not [f for f in late.frames if isinstance(f, dict) and f["type"] == "snapshot"]
    late.acks = True
    await late.acknowledge()
    await late.text(accepted["generation"], len(BIG.text))
    await late.acknowledge()
    await late.ended(accepted["generation"])
    assert not late.mismatches


async def test_a_tab_that_never_acknowledges_is_sent_away_with_4408(
    site: InSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "STALL_PATIENCE", 0.5)
    client = await site.client(await site.user(), acks=False)
    site.upstream.script(BIG)
    await client.send("go")
    await client.until(lambda: client.close_code)
    assert client.close_code == 4408


async def test_an_ack_in_time_keeps_the_socket(site: InSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "STALL_PATIENCE", 0.4)
    client = await site.client(await site.user(), acks=False)
    site.upstream.script(BIG)
    accepted = await client.send("go")
    for _ in range(6):
        await asyncio.sleep(0.15)
        await client.acknowledge()
    await client.ended(accepted["generation"])
    assert client.close_code is None


async def test_notifications_to_a_stalled_tab_are_bounded(site: InSite) -> None:
    cookie = await site.user()
    client = await site.client(cookie, acks=False)
    site.upstream.script(BIG)
    accepted = await client.send("go")
    other = await site.client(cookie)
    await other.watch(accepted["conversation"])
    await other.ended(accepted["generation"])
    parent = None
    for _ in range(8):
        site.upstream.script(Script(count=1))
        reply = await other.send("x" * 50_000, accepted["conversation"], parent=parent)
        await other.ended(reply["generation"])
    await client.until(lambda: client.close_code)
    assert client.close_code == 4408
    assert other.close_code is None


async def test_acks_for_what_was_never_sent_are_ignored(site: InSite) -> None:
    client = await site.client(await site.user(), acks=False)
    site.upstream.script(Script(count=3))
    accepted = await client.send("go")
    await client.say("ack", seen={str(accepted["generation"]): 2**40, "999999": 5})
    await client.ended(accepted["generation"])
    assert (await client.ask("ping"))["type"] == "pong"
