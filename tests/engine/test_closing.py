"""The end of an answer whose row somebody else holds, beside answers that nobody holds back."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from chat.engine import closing, ending
from chat.models import Conversation, Generation
from chat.testing.script import Script
from tests.insite import InSite

ENDLESS = Script(count=100_000, rate=50)


@contextlib.asynccontextmanager
async def held(site: InSite, conversation: str) -> AsyncIterator[None]:
    """A host's transaction has locked the row of the conversation."""
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Conversation.objects.select_for_update().get(pk=conversation)
            locked.set()
            release.wait(30)

    holding = asyncio.ensure_future(site.db(hold))
    try:
        assert await asyncio.to_thread(locked.wait, 10)
        yield
    finally:
        release.set()
        await holding


async def test_an_answer_that_cannot_be_ended_yet_does_not_hold_back_the_others(
    site: InSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: set[int] = set()

    def finish(generation: int, *arguments: Any) -> ending.Written:
        if generation in refused:
            raise OperationalError("canceling statement due to lock timeout")
        return ending.finish(generation, *arguments)

    monkeypatch.setattr(closing, "finish", finish)
    client = await site.client(await site.user())
    site.upstream.script(ENDLESS, Script(count=5))
    first = await client.send("one")
    refused.add(first["generation"])
    await client.text(first["generation"], 20)
    await client.say("stop", generation=first["generation"])
    second = await client.send("two")
    assert (await client.ended(second["generation"], 5))["status"] == "complete"
    assert client.shown[first["generation"]].end is None
    refused.clear()
    end = await client.ended(first["generation"])
    assert (end["status"], end["reason"]) == ("stopped", "user")
    assert not client.mismatches


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no locks of rows")
async def test_at_the_checkpoint_one_locked_conversation_costs_the_others_nothing(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(*[ENDLESS] * 4)
    answers = [await client.send(text) for text in ("one", "two", "three", "four")]
    for answer in answers:
        await client.text(answer["generation"], 20)
    async with held(site, answers[0]["conversation"]):
        await site.runner.drain(0)
        rows = dict(await site.db(lambda: list(Generation.objects.values_list("pk", "reason"))))
        assert rows == {answer["generation"]: "drained" if n else "" for n, answer in enumerate(answers)}
