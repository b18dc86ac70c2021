"""The journal: what is committed, what is refused, what is read back, what is swept."""

from __future__ import annotations

import asyncio
import datetime
import uuid
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import DataError, OperationalError
from django.utils import timezone

from chat.engine import journal
from chat.models import Conversation, Generation, JournalChunk, Message, Runner
from chat.testing.script import Script
from tests.insite import InSite


def generation(**fields: Any) -> Generation:
    user, _ = get_user_model()._default_manager.get_or_create(username="ada")
    conversation = Conversation.objects.create(owner=user)
    question = Message.objects.create(conversation=conversation, role="user", position=0, content="hello")
    message = Message.objects.create(
        conversation=conversation, parent=question, role="assistant", position=1, status="running"
    )
    runner = fields.pop("runner", None) or Runner.objects.create()
    return Generation.objects.create(
        message=message, owner=user, runner=runner, **{"status": "running", **fields}
    )


def runner_of(row: Generation) -> uuid.UUID:
    assert row.runner_id is not None
    return row.runner_id


def chunk(pk: int, first: int, *texts: str) -> journal.Chunk:
    frames = [f'[{pk},{first + n},"{text}"]' for n, text in enumerate(texts)]
    return journal.Chunk(pk, first, first + len(texts) - 1, ",".join(frames))


@pytest.mark.django_db(transaction=True)
def test_frames_are_read_back_verbatim_from_any_place() -> None:
    row = generation()
    journal.write([chunk(row.pk, 1, "a", "b")], runner_of(row))
    journal.write([chunk(row.pk, 3, "c"), chunk(row.pk, 4, "d, [x]", "e")], runner_of(row))
    frames = [f'[{row.pk},{n},"{text}"]' for n, text in enumerate(["a", "b", "c", "d, [x]", "e"], start=1)]
    for after in range(6):
        assert journal.read(row.pk, after) == frames[after:]


@pytest.mark.django_db(transaction=True)
def test_reading_never_jumps_over_a_hole() -> None:
    row = generation()
    journal.write([chunk(row.pk, 1, "a"), chunk(row.pk, 3, "c")], runner_of(row))
    assert journal.read(row.pk) == [f'[{row.pk},1,"a"]']


@pytest.mark.django_db(transaction=True)
def test_a_tick_given_twice_is_there_once() -> None:
    row = generation()
    for _ in range(2):
        journal.write([chunk(row.pk, 1, "a", "b")], runner_of(row))
    assert JournalChunk.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_flags_are_read_of_our_own_live_generations_only(django_assert_num_queries: Any) -> None:
    row = generation(stop_requested="admin")
    generation()
    generation(runner=row.runner, status="complete")
    refused, flags = journal.write([], runner_of(row))
    assert refused == []
    assert [(flag.generation, flag.stop) for flag in flags] == [(row.pk, "admin")]


@pytest.mark.django_db(transaction=True)
def test_only_the_generation_whose_frames_are_refused_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = generation(), generation()
    insert = journal._insert

    def picky(chunks: list[journal.Chunk]) -> None:
        if any(chunk.generation == bad.pk for chunk in chunks):
            raise DataError("a NUL")
        insert(chunks)

    monkeypatch.setattr(journal, "_insert", picky)
    refused, _ = journal.write([chunk(bad.pk, 1, "x"), chunk(good.pk, 1, "y")], runner_of(good))
    assert refused == [bad.pk]
    assert journal.read(good.pk)


@pytest.mark.django_db(transaction=True)
def test_the_sweep_takes_what_ended_long_ago_and_what_is_gone() -> None:
    now = timezone.now()
    old = generation(status="complete", ended=now - datetime.timedelta(minutes=5))
    fresh = generation(status="complete", ended=now)
    live = generation()
    for row in (old, fresh, live):
        journal.write([chunk(row.pk, 1, "x")], runner_of(row))
    journal.write([chunk(10**6, 1, "x")], runner_of(live))
    assert journal.sweep(now - datetime.timedelta(minutes=1)) == 2
    assert set(JournalChunk.objects.values_list("generation_id", flat=True)) == {fresh.pk, live.pk}


async def test_an_answer_whose_frames_are_refused_ends_in_error_and_the_others_go_on(
    site: InSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await site.client(await site.user())
    script = Script(count=60, rate=60)
    site.upstream.script(script)
    good = await client.send("good")
    site.upstream.script(script)
    bad = await client.send("bad")
    insert = journal._insert

    def picky(chunks: list[journal.Chunk]) -> None:
        if any(chunk.generation == bad["generation"] for chunk in chunks):
            raise DataError("a NUL")
        insert(chunks)

    monkeypatch.setattr(journal, "_insert", picky)
    end = await client.ended(bad["generation"])
    assert (end["status"], end["error"]["code"]) == ("error", "internal")
    assert (await client.ended(good["generation"]))["status"] == "complete"
    assert client.shown[good["generation"]].text == script.text


async def test_a_text_that_the_database_refuses_at_the_end_is_an_error_and_nobody_elses(
    site: InSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chat.engine import closing, ending

    client = await site.client(await site.user())
    finish = ending.finish

    def picky(pk: int, runner: uuid.UUID, outcome: Any) -> Any:
        if "token" in outcome.text:
            raise DataError("a NUL")
        return finish(pk, runner, outcome)

    monkeypatch.setattr(closing, "finish", picky)
    site.upstream.script(Script(count=3))
    accepted = await client.send("go")
    row = await site.db(Generation.objects.get, pk=accepted["generation"])
    async with asyncio.timeout(5):
        while row.status == "running":
            await asyncio.sleep(0.02)
            row = await site.db(Generation.objects.get, pk=accepted["generation"])
    assert (row.status, row.error_code) == ("error", "internal")


async def test_a_locked_database_delays_the_journal_and_the_end_but_not_the_stream(
    site: InSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chat.engine import closing, ending

    locked = True
    insert, finish = journal._insert, ending.finish

    def slow_insert(chunks: list[journal.Chunk]) -> None:
        if locked:
            raise OperationalError("database is locked")
        insert(chunks)

    def slow_finish(*args: Any) -> Any:
        if locked:
            raise OperationalError("database is locked")
        return finish(*args)

    client = await site.client(await site.user())
    script = Script(count=50, rate=100)
    site.upstream.script(script)
    accepted = await client.send("go")
    monkeypatch.setattr(journal, "_insert", slow_insert)
    monkeypatch.setattr(closing, "finish", slow_finish)
    text = await client.text(accepted["generation"], len(script.text))
    assert text == script.text
    assert client.shown[accepted["generation"]].end is None
    locked = False
    end = await client.ended(accepted["generation"])
    assert end["status"] == "complete"
    message = await site.db(Message.objects.get, pk=accepted["assistant_message"])
    assert message.content == script.text
