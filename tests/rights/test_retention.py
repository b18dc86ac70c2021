"""What is kept for how long, and what nobody may delete."""

from __future__ import annotations

import datetime
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db.models import ProtectedError
from django.test import override_settings
from django.utils import timezone

from chat import deletion
from chat.engine import expiry
from chat.models import Conversation, Feedback, Generation, LegalHold, Message, RetentionRule, SearchEntry
from chat.rights.chunks import delete_conversations
from chat.rights.retention import due
from tests.rights.people import known


def conversation(age: int, owner: Any = None, **fields: Any) -> Conversation:
    who = {"owner": owner} if owner else {"session_key": "guest"}
    row = Conversation.objects.create(**who, title=f"{age}", **fields)
    Conversation.objects.filter(pk=row.pk).update(updated=timezone.now() - datetime.timedelta(days=age))
    return row


def user(name: str, *groups: Group) -> Any:
    made = get_user_model().objects.create_user(name)
    made.groups.set(groups)
    return made


@pytest.mark.django_db
def test_the_longest_time_of_ones_groups_counts_and_one_rule_is_for_the_rest() -> None:
    short, long, free = (Group.objects.create(name=name) for name in ("short", "long", "free"))
    RetentionRule.objects.create(group=short, keep_days=10)
    RetentionRule.objects.create(group=long, keep_days=100)
    people = {
        "short": user("a", short),
        "both": user("b", short, long),
        "other": user("c", free),
        "guest": None,
    }
    for owner in people.values():
        for age in (5, 50, 500):
            conversation(age, owner)

    def kept() -> dict[str, list[int]]:
        left = Conversation.objects.exclude(pk__in=due().values("pk"))
        return {
            name: sorted(int(row.title) for row in left if row.owner == owner)
            for name, owner in people.items()
        }

    everything = [5, 50, 500]
    assert kept() == {"short": [5], "both": [5, 50], "other": everything, "guest": everything}
    RetentionRule.objects.create(keep_days=60)
    assert kept() == {"short": [5], "both": [5, 50], "other": [5, 50], "guest": [5, 50]}


@pytest.mark.django_db
def test_there_is_one_rule_for_the_rest() -> None:
    RetentionRule.objects.create(keep_days=60)
    with pytest.raises(ValidationError):
        RetentionRule(keep_days=50).full_clean()
    with pytest.raises(ValidationError):
        RetentionRule(group=Group.objects.create(name="g"), keep_days=0).full_clean()


@pytest.mark.django_db(transaction=True)
def test_a_purge_takes_all_that_hangs_on_a_conversation_and_leaves_the_ledger() -> None:
    known()
    Conversation.objects.update(updated=timezone.now() - datetime.timedelta(days=50))
    RetentionRule.objects.create(keep_days=30)
    out = StringIO()
    call_command("llmchat_purge", dry_run=True, stdout=out)
    assert "2 conversations would be deleted" in out.getvalue()
    assert Conversation.objects.count() == 2
    call_command("llmchat_purge", stdout=out)
    assert "2 conversations" in out.getvalue()
    counts = [model.objects.count() for model in (Conversation, Message, Feedback, SearchEntry)]
    assert counts == [0, 0, 0, 0]
    # The call without a conversation is no conversation.
    assert Generation.objects.filter(message=None).count() == Generation.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_a_rule_nothing_goes_but_what_has_expired() -> None:
    conversation(5000)
    gone = conversation(1, expires_at=timezone.now())
    assert [row.pk for row in due()] == [gone.pk]


@pytest.mark.django_db(transaction=True)
def test_what_is_being_answered_stays() -> None:
    row = conversation(50)
    message = Message.objects.create(conversation=row, role="assistant", position=0)
    generation = Generation.objects.create(message=message, session_key="guest", status="running")
    RetentionRule.objects.create(keep_days=30)
    assert not due()
    Generation.objects.filter(pk=generation.pk).update(status="stopped")
    assert due()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("on", ["user", "conversation"])
def test_what_is_held_nobody_deletes(on: str) -> None:
    ada = user("ada")
    row = conversation(50, ada, expires_at=timezone.now())
    RetentionRule.objects.create(keep_days=30)
    hold = LegalHold.objects.create(
        why="case 17", **({"user": ada} if on == "user" else {"conversation": row})
    )
    assert not due()
    assert expiry.purge(10) == 0
    assert delete_conversations([row.pk]).chunks == 0
    for deleting in (row.delete, ada.delete, lambda: deletion.remove(row.pk)):
        with pytest.raises(ProtectedError):
            deleting()
    assert Conversation.objects.count() == 1
    hold.delete()
    assert expiry.purge(10) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("setting", "left"),
    [
        ("delete", None),
        ("anonymise", {"owner": None, "metadata": {}, "title": "t"}),
        ("keep", {"owner": None, "metadata": {"a": 1, "owner": {"id": "?", "name": "ada"}}, "title": "t"}),
    ],
)
def test_what_becomes_of_conversations_is_a_setting(setting: str, left: dict[str, Any] | None) -> None:
    ada = user("ada")
    row = Conversation.objects.create(owner=ada, title="t", metadata={"a": 1})
    Message.objects.create(conversation=row, role="user", content="words", position=0)
    pk = ada.pk
    with override_settings(LLMCHAT={"ON_USER_DELETE": setting}):
        ada.delete()
    rows = Conversation.objects.values("owner", "metadata", "title").first()
    if left is not None and "owner" in left["metadata"]:
        left["metadata"]["owner"]["id"] = str(pk)
    assert rows == left
    assert Message.objects.count() == (0 if left is None else 1)
