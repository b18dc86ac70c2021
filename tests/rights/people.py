"""Somebody of whom the app knows everything that it can know, with a canary in each text."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.utils import timezone

from chat.models import (
    ApiKey,
    Banner,
    Budget,
    BudgetCounter,
    ChatModel,
    ContentAccess,
    Conversation,
    Feedback,
    Generation,
    JournalChunk,
    Message,
    Owner,
    Pause,
    Preference,
    Preset,
    Reservation,
    RetentionRule,
    Runner,
    SummedDay,
    UsageRecord,
    UsageSum,
)
from chat.models.limits import subject_of
from chat.search import Text, put

CANARY = "kestrelwort"


def known(name: str = CANARY) -> Any:
    """A user, named after the canary, with a row in each table that can hold one of theirs."""
    user = get_user_model().objects.create_user(name)
    leave_traces(Owner.of(user), name)
    return user


def leave_traces(owner: Owner, name: str) -> Conversation:
    fields = owner.fields
    conversation = Conversation.objects.create(
        **fields,
        title=f"title {CANARY}",
        system_prompt=CANARY,
        options={"stop": [CANARY]},
        metadata={"note": CANARY},
        object_id=CANARY,
    )
    question = say(conversation, None, "user")
    answer = say(conversation, question, "assistant")
    generation = Generation.objects.create(
        **fields, message=answer, status="complete", model="m", runner=Runner.objects.create(), ended=now()
    )
    JournalChunk.objects.create(generation=generation, first_n=1, last_n=1, frames=f'[1,1,"{CANARY}"]')
    Generation.objects.create(**fields, door="http", status="complete", model="m", ended=now())
    # A branch, and one that its owner has deleted.
    say(conversation, question, "assistant")
    gone = Conversation.objects.create(
        **fields, title=CANARY, deleted_at=now(), expires_at=now() + datetime.timedelta(days=30)
    )
    say(gone, None, "user")
    put(owner, Text(question.pk, conversation.pk, CANARY), Text(conversation.pk, conversation.pk, CANARY))
    Feedback.objects.create(
        **fields, message=answer, rating=-1, comment=CANARY, reasons=["wrong"], handled_by=name
    )
    Preference.objects.create(**fields, values={"instructions": CANARY})
    UsageRecord.objects.create(
        **fields,
        generation_id=generation.pk,
        door="web",
        provider="p",
        model="m",
        attempt=1,
        status="complete",
        prompt_tokens=3,
        completion_tokens=4,
        cost="0.25",
    )
    site = Budget.objects.create(scope="everyone", measure="tokens", limit=10)
    BudgetCounter.objects.create(budget=site, subject=subject_of(owner), starts=now(), used=7)
    if owner.user_id is not None:
        ApiKey.objects.make(get_user_model().objects.get(pk=owner.user_id), CANARY)
        Budget.objects.create(scope="user", user_id=owner.user_id, limit=10)
        UsageSum.objects.create(scope="owner", start=now().date(), owner_id=owner.user_id, cost="0.25")
        read = {"conversation_id": conversation.pk, "action": "read"}
        ContentAccess.objects.create(
            reader_name="someone",
            owner_id=owner.user_id,
            owner_name=name,
            why="asked for",
            what=f"user={name}",
            **read,
        )
        ContentAccess.objects.create(
            reader_id=owner.user_id,
            reader_name=name,
            owner_name="someone",
            address="192.0.2.7",
            what=name.upper(),
            **read,
        )
        Pause.objects.create(model=f"m-{owner.user_id}", by=name)
    return conversation


def the_site() -> None:
    """Rows that are nobody's."""
    ChatModel.objects.create(provider="p", name="m")
    SummedDay.objects.create(day=now().date())
    Preset.objects.create(name="p")
    Banner.objects.create(text="b")
    RetentionRule.objects.create(group=Group.objects.create(name="g"), keep_days=9)
    counter = BudgetCounter.objects.create(
        budget=Budget.objects.create(scope="everyone", measure="messages", limit=1), starts=now()
    )
    Reservation.objects.create(generation_id=10**9, counter=counter, amount=1)


def say(conversation: Conversation, parent: Message | None, role: str) -> Message:
    return Message.objects.create(
        conversation=conversation,
        parent=parent,
        role=role,
        content=f"said {CANARY}",
        reasoning=CANARY,
        steps=[{"kind": "tool_call", "arguments": CANARY}],
        position=conversation.messages.count(),
    )


def now() -> datetime.datetime:
    return timezone.now()


def tables_with(*needles: str) -> set[str]:
    """All tables of the database, of whatever app, in which one of the texts stands anywhere."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith("llmchat_search_"):
                # The parts of SQLite's index: bytes, which the test of the file looks at.
                continue
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for row in cursor.fetchall():
                shown = " ".join(text_of(value) for value in row).lower()
                if any(needle.lower() in shown for needle in needles):
                    found.add(table)
    return found


def text_of(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "replace")
    return value.hex if isinstance(value, uuid.UUID) else str(value)


def filled() -> Iterator[str]:
    """The models of the app that have a row."""
    from chat.rights.rules import models as all_models

    yield from (name for name, model in all_models().items() if model._base_manager.exists())


__all__ = ["CANARY", "filled", "known", "leave_traces", "tables_with", "the_site"]
