"""Statements that were compiled once do what Django's own do."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat.models import LIVE, Conversation, Generation, Message, Role, Runner, Status
from chat.prepared import Insert, Select, Update

pytestmark = pytest.mark.django_db

of_owner = Select(
    Generation,
    lambda owner, session_key, since: Generation.objects.filter(
        owner=owner, session_key=session_key, created__gt=since, status__in=LIVE
    ).order_by("pk"),
    since="created",
)
end = Update(
    Generation,
    lambda pk, runner: Generation.objects.filter(pk=pk, runner=runner, status__in=LIVE),
    ("status", "timings", "cost", "prompt_tokens", "ended"),
)
insert_messages = Insert(Message)
insert_generation = Insert(Generation)


@pytest.fixture
def runner() -> Runner:
    return Runner.objects.create()


def generation(runner: Runner, **fields: Any) -> Generation:
    given = {"runner_id": runner.pk, "status": Status.RUNNING, **fields}
    row = Generation(**given)
    insert_generation(row)
    return row


def test_what_is_inserted_is_what_django_reads(runner: Runner) -> None:
    user = get_user_model()._default_manager.create_user("ada")
    conversation = Conversation.objects.create(owner=user)
    question = Message(conversation=conversation, role=Role.USER, content="100 % “true”", position=0)
    answer = Message(
        conversation=conversation, role=Role.ASSISTANT, parent=question, position=1, steps=[{"kind": "x"}]
    )
    insert_messages(question, answer)
    row = generation(runner, owner_id=user.pk, message=answer, command_id=uuid.uuid4(), timings={"total": 3})
    assert list(conversation.messages.order_by("position").values()) == [
        {field.attname: getattr(message, field.attname) for field in Message._meta.concrete_fields}
        for message in (question, answer)
    ]
    found = Generation.objects.get(pk=row.pk)
    assert (found.message, found.timings, found.command_id) == (answer, {"total": 3}, row.command_id)
    assert not row._state.adding
    row.model = "renamed"
    row.save()
    assert Generation.objects.count() == 1


@pytest.mark.parametrize("guest", [False, True])
def test_the_same_rows_are_found_for_one_owner_after_the_other(runner: Runner, guest: bool) -> None:
    users = [get_user_model()._default_manager.create_user(name) for name in ("ada", "bob")]
    owners: list[dict[str, Any]] = [{"owner": user.pk, "session_key": ""} for user in users]
    if guest:
        owners = [{"owner": None, "session_key": key} for key in ("one", "two")]
    for owner in owners:
        for _ in range(2):
            generation(runner, owner_id=owner["owner"], session_key=owner["session_key"])
    since = timezone.now() - datetime.timedelta(minutes=1)
    for owner in owners:
        expected = list(Generation.objects.filter(**owner, status__in=LIVE).order_by("pk"))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            found = of_owner(**owner, since=since)
        assert len(queries) == 1
        assert found == expected
        assert len(found) == 2
        assert [row.created for row in found] == [row.created for row in expected]
        assert of_owner(**owner, since=timezone.now()) == []


def test_an_update_changes_what_its_conditions_find_and_nothing_else(runner: Runner) -> None:
    first, second = generation(runner), generation(runner)
    now = timezone.now()
    sets = {
        "status": Status.COMPLETE,
        "timings": {"total": 1},
        "cost": None,
        "prompt_tokens": 7,
        "ended": now,
    }
    assert end(sets, pk=first.pk, runner=runner.pk) == 1
    assert end(sets, pk=first.pk, runner=runner.pk) == 0
    assert end(sets, pk=second.pk, runner=uuid.uuid4()) == 0
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, first.timings, first.prompt_tokens, first.ended) == (
        "complete",
        {"total": 1},
        7,
        now,
    )
    assert second.status == "running"
