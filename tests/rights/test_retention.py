"""What is kept for how long, and what nobody may delete."""

from __future__ import annotations

import asyncio
import datetime
import itertools
import time
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection
from django.db.models import ProtectedError
from django.test import override_settings
from django.utils import timezone

from chat import deletion
from chat.engine import expiry
from chat.models import Conversation, Feedback, Generation, LegalHold, Message, RetentionRule, SearchEntry
from chat.rights.chunks import AT_MOST, delete_conversations
from chat.rights.retention import due, keys_of
from chat.testing.script import Script
from tests.insite import InSite
from tests.rights.people import CANARY, known


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


@pytest.mark.slow
async def test_purging_a_hundred_thousand_messages_delays_no_stream(site: InSite) -> None:
    client = await site.client(await site.user())
    await site.db(fill, 100, 1000)
    site.upstream.script(Script(count=100_000, rate=50))
    accepted = await client.send("go on and on")
    generation = accepted["generation"]
    await client.text(generation, 20)
    quiet = await gaps(client, generation, asyncio.create_task(asyncio.sleep(2)))
    old = Conversation.objects.filter(title="old")
    purging = asyncio.create_task(site.db(lambda: delete_conversations(keys_of(old))))
    during = await gaps(client, generation, purging)
    toll = purging.result()
    await client.say("stop", generation=generation)
    await client.ended(generation)
    assert toll.rows["messages"] == 100_000
    assert await site.db(lambda: Message.objects.filter(conversation__title="old").count()) == 0
    print(
        f"longest chunk {toll.longest:.3f} s of {toll.chunks}; gaps {max(quiet):.3f} and {max(during):.3f} s"
    )
    assert toll.longest <= AT_MOST
    assert max(during) < max(max(quiet), 0.1) + AT_MOST


async def gaps(client: Any, generation: int, work: asyncio.Task[Any]) -> list[float]:
    """The times between two frames of the answer, until `work` is done."""
    found = []
    last, seen = time.monotonic(), client.shown[generation].last
    while not work.done():
        await asyncio.wait(
            {work, asyncio.ensure_future(client._news.wait())}, timeout=1, return_when="FIRST_COMPLETED"
        )
        client._news.clear()
        if client.shown[generation].last != seen:
            found.append(time.monotonic() - last)
            last, seen = time.monotonic(), client.shown[generation].last
    return found


def fill(conversations: int, messages: int) -> None:
    """So many old conversations with so many messages each, every one below the one before."""
    for _ in range(conversations):
        row = Conversation.objects.create(session_key="guest", title="old")
        batch = [
            Message(conversation=row, role="user", content=f"{CANARY} {n} " * 20, position=n)
            for n in range(messages)
        ]
        for before, after in itertools.pairwise(batch):
            after.parent = before
        Message.objects.bulk_create(batch)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
