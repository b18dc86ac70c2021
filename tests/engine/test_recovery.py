"""Who is dead, and what becomes of the answers of the dead."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection

from chat.engine import journal, recovery
from chat.engine.ending import Written, finish
from chat.models import Generation, Message, Runner
from chat.testing.script import Script
from tests.engine.test_journal import chunk, generation, runner_of
from tests.insite import InSite

OTHER = uuid.UUID(int=5)


def test_a_runner_is_dead_when_its_beat_stood_still_while_ours_went_on() -> None:
    observer = recovery.Observer(8)
    assert [observer.look({OTHER: 7}, now) for now in (0, 2, 4, 6)] == [[], [], [], []]
    assert observer.look({OTHER: 7}, 8) == [(OTHER, 7)]


def test_any_beat_starts_its_time_anew() -> None:
    observer = recovery.Observer(8)
    for now in range(0, 60, 4):
        assert observer.look({OTHER: now // 4}, now) == []


def test_time_in_which_our_own_beats_failed_does_not_count() -> None:
    observer = recovery.Observer(8)
    observer.look({OTHER: 7}, 0)
    observer.look({OTHER: 7}, 4)
    observer.missed()
    assert observer.look({OTHER: 7}, 100) == []
    assert observer.look({OTHER: 7}, 104) == [(OTHER, 7)]


@pytest.mark.django_db(transaction=True)
def test_burying_folds_the_journal_into_the_message_and_settles() -> None:
    row = generation()
    assert row.runner is not None
    journal.write([chunk(row.pk, 1, "hello ", "wor"), chunk(row.pk, 3, "ld")], runner_of(row))
    assert recovery.bury(row.runner.pk, 0) == 1
    row = Generation.objects.get()
    message = Message.objects.get(role="assistant")
    assert (row.status, row.reason, row.last_n, row.text_length) == ("interrupted", "crashed", 3, 11)
    assert (message.content, message.status) == ("hello world", "interrupted")
    assert Runner.objects.get().dead


@pytest.mark.django_db(transaction=True)
def test_a_runner_that_beat_meanwhile_is_not_buried() -> None:
    row = generation()
    assert row.runner is not None
    recovery.beat(row.runner.pk)
    assert recovery.bury(row.runner.pk, 0) == 0
    assert Generation.objects.get().status == "running"


@pytest.mark.django_db(transaction=True)
def test_what_has_ended_is_never_resurrected() -> None:
    row = generation(status="complete")
    assert row.runner is not None
    recovery.bury(row.runner.pk, 0)
    assert Generation.objects.get().status == "complete"


@pytest.mark.django_db(transaction=True)
def test_live_rows_without_a_task_are_ended_and_those_of_living_processes_left_alone() -> None:
    orphan = generation()
    assert orphan.runner is not None
    alive = generation(runner=orphan.runner)
    elsewhere = generation()
    of_the_dead = generation()
    Runner.objects.filter(pk=runner_of(of_the_dead)).update(dead=True)
    assert recovery.end_orphans(orphan.runner.pk, [alive.pk]) == 2
    statuses = dict(Generation.objects.values_list("pk", "status"))
    assert statuses == {
        orphan.pk: "interrupted",
        alive.pk: "running",
        elsewhere.pk: "running",
        of_the_dead.pk: "interrupted",
    }


def end_all_but(refused: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database takes the end of every answer but that one's, within its transaction."""

    def write(generation: int, *arguments: Any) -> Written:
        if generation != refused:
            return finish(generation, *arguments)
        with connection.cursor() as cursor:
            cursor.execute("SELECT no_such_column FROM " + Generation._meta.db_table)
        raise AssertionError("the database took it")

    monkeypatch.setattr(recovery, "finish", write)


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_cannot_be_ended_does_not_hold_back_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refused = generation()
    assert refused.runner is not None
    others = [generation(runner=refused.runner), generation(runner=refused.runner)]
    end_all_but(refused.pk, monkeypatch)
    assert recovery.bury(refused.runner.pk, 0) == 2
    assert {row.status for row in Generation.objects.filter(pk__in=[row.pk for row in others])} == {
        "interrupted"
    }
    assert Runner.objects.get().dead
    assert f"generation {refused.pk} cannot be ended yet" in caplog.text
    more = generation()
    assert recovery.end_orphans(runner_of(more), []) == 1
    monkeypatch.undo()
    assert recovery.end_orphans(runner_of(more), []) == 1
    refused.refresh_from_db()
    assert refused.status == "interrupted"


@pytest.mark.django_db(transaction=True)
def test_a_fallback_whose_name_is_longer_than_the_column_ends_all_the_same() -> None:
    row = generation()
    asked = "m" * 195
    event = f'{{"type":"event","generation":{row.pk},"n":1,"kind":"fallback","model":"backup/{asked}"}}'
    journal.write([journal.Chunk(row.pk, 1, 1, event)], runner_of(row))
    assert recovery.bury(runner_of(row), 0) == 1
    row.refresh_from_db()
    assert (row.status, row.model) == ("interrupted", f"backup/{asked}"[:200])
    assert Message.objects.get(role="assistant").model == row.model


def test_a_gap_in_which_everything_stood_still_kills_nobody() -> None:
    observer = recovery.Observer(8, 4)
    observer.look({OTHER: 7}, 0)
    assert observer.look({OTHER: 7}, 3600) == []


@pytest.mark.django_db(transaction=True)
def test_a_continuation_keeps_what_stood_there_before() -> None:
    row = generation()
    Message.objects.filter(role="assistant").update(content="before ")
    journal.write([chunk(row.pk, 1, "after")], runner_of(row))
    assert row.runner is not None
    recovery.bury(row.runner.pk, 0)
    assert Message.objects.get(role="assistant").content == "before after"


async def test_a_process_taken_for_dead_publishes_what_the_others_wrote_and_goes_on(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(count=1000, rate=50))
    accepted = await client.send("go")
    await client.text(accepted["generation"], 50)
    old = site.runner.id

    def bury() -> None:
        recovery.bury(old, Runner.objects.get(pk=old).beat)

    await site.db(bury)
    end = await client.ended(accepted["generation"])
    assert (end["status"], end["reason"]) == ("interrupted", "crashed")
    message = await site.db(lambda: Message.objects.get(role="assistant"))
    assert client.shown[accepted["generation"]].text == message.content
    site.upstream.script(Script(count=3))
    while site.runner.id == old:
        await client.ask("ping")
    second = await client.send("still there?")
    assert (await client.ended(second["generation"]))["status"] == "complete"


@pytest.mark.chat(RUNNER_TIMEOUT=1)
async def test_a_live_process_buries_a_dead_one_and_its_tabs_see_the_end(site: InSite) -> None:
    """Rows of a process that died: a watching tab here comes to the right text and end."""
    cookie = await site.user()
    row = await site.db(generation)
    await site.db(journal.write, [chunk(row.pk, 1, "so ", "far")], runner_of(row))
    conversation = await site.db(lambda: str(Message.objects.get(role="assistant").conversation_id))
    client = await site.client(cookie)
    await client.watch(conversation)
    assert await client.text(row.pk, 6) == "so far"
    end = await client.ended(row.pk)
    assert (end["status"], end["reason"]) == ("interrupted", "crashed")
    assert client.shown[row.pk].text == "so far"
    site.upstream.script(Script(tokens=[" and on"]))
    more = await client.ask("continue", message=str(row.message_id))
    await client.ended(more["generation"])
    assert client.shown[more["generation"]].text == "so far and on"
    assert not client.mismatches
