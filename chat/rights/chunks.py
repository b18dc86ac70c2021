"""Deletes a great deal in small transactions, so that whoever writes beside it waits for a moment at most."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec
from django.db import IntegrityError, connections, router, transaction
from django.db.models import CASCADE, SET_NULL, ManyToOneRel, Model

from ..engine.locks import wait_briefly
from ..models import Conversation, LegalHold, Message

#: Seconds that a transaction should take, and may: what a chunk takes decides how large the next one is.
TARGET = 0.015
AT_MOST = 0.05
SMALLEST, FIRST_SIZE, LARGEST = 50, 50, 300
#: The pause after a chunk, as a share of what it took: others come in between.
PAUSE = 0.5
SHORTEST_PAUSE = 0.002


class Toll:
    """How many rows of what went, in how many transactions, and how long the longest of these took."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.chunks = 0
        self.longest = 0.0
        #: Transactions that took longer than they may, on a machine that had more to do.
        self.late = 0
        #: The most processor time that one has needed, in seconds.
        self.busiest = 0.0
        #: How many rows the next transaction takes.
        self.size = FIRST_SIZE
        #: Conversations that somebody wrote to at that very moment: they are left.
        self.left = 0

    def __str__(self) -> str:
        rows = ", ".join(f"{count} {name}" for name, count in sorted(self.rows.items()) if count)
        return rows or "nothing"


def delete_conversations(keys: Iterable[UUID], toll: Toll | None = None) -> Toll:
    """Deletes conversations with all that hangs on them; those that are held by law are passed over.

    Answers that are being written there are to be stopped before. Not inside of a transaction.
    """
    toll = toll or Toll()
    with _log_written_back_between() as write_back:
        _delete(keys, toll, write_back)
    return toll


@contextmanager
def _log_written_back_between() -> Iterator[Callable[[], object]]:
    """Gives what to call between two transactions.

    By itself SQLite writes its log back into the file within whichever commit has filled it, for which all
    other writers wait; a passive checkpoint makes nobody wait (https://www.sqlite.org/wal.html).
    """
    connection = connections[router.db_for_write(Conversation)]
    if connection.vendor != "sqlite":
        yield lambda: None
        return

    def pragma(statement: str) -> int:
        with connection.cursor() as cursor:
            return int(cursor.execute(f"PRAGMA {statement}").fetchone()[0])

    pages = pragma("wal_autocheckpoint")
    pragma("wal_autocheckpoint = 0")
    try:
        yield lambda: pragma("wal_checkpoint(PASSIVE)")
    finally:
        pragma(f"wal_autocheckpoint = {pages}")


def _delete(keys: Iterable[UUID], toll: Toll, write_back: Callable[[], object]) -> None:
    for messages, conversations in _pieces(keys, toll):
        # All reading comes before: while it is done nobody waits.
        plan = [*plan_of(Message, messages), *plan_of(Conversation, _free(conversations))]
        try:
            with transaction.atomic(using=router.db_for_write(Conversation)):
                # From here on others wait, and not before: SQLite's lock is had by now.
                started, worked = time.monotonic(), time.thread_time()
                wait_briefly()
                counts = carry_out(plan)
            took, busy = time.monotonic() - started, time.thread_time() - worked
        except IntegrityError:
            # Something has come in since the plan was made.
            toll.left += 1
            continue
        toll.rows += counts
        toll.chunks += 1
        toll.longest = max(toll.longest, took)
        toll.busiest = max(toll.busiest, busy)
        toll.late += took > AT_MOST
        fitting = int(toll.size * TARGET / max(took, 1e-4))
        toll.size = max(SMALLEST, toll.size // 2, min(fitting, toll.size + toll.size // 2, LARGEST))
        write_back()
        time.sleep(max(min(took, TARGET) * PAUSE, SHORTEST_PAUSE))


def _free(keys: list[UUID]) -> list[UUID]:
    """Those that nothing holds, as of now."""
    rows = LegalHold.objects.spare(Conversation.objects.filter(pk__in=keys))
    return list(rows.values_list("pk", flat=True))


def _pieces(keys: Iterable[UUID], toll: Toll) -> Iterator[tuple[list[UUID], list[UUID]]]:
    """Messages, and conversations that have no more of them, about so many at once.

    Of one conversation the last messages come first: an answer goes before its question.
    """
    messages: list[UUID] = []
    conversations: list[UUID] = []
    for key in keys:
        if not _free([key]):
            continue
        while True:
            room = toll.size - len(messages)
            rows = Message.objects.filter(conversation=key).order_by("-position")
            found = list(rows.values_list("pk", flat=True)[:room])
            messages += found
            if len(found) < room:
                conversations.append(key)
                break
            yield messages, conversations
            messages, conversations = [], []
        if len(messages) + len(conversations) >= toll.size:
            yield messages, conversations
            messages, conversations = [], []
    if messages or conversations:
        yield messages, conversations


class Step(msgspec.Struct):
    """Rows to be deleted or, where `parting` names a field, to be parted from what is."""

    model: type[Model]
    keys: list[Any]
    parting: str = ""


def plan_of(model: type[Model], keys: list[Any]) -> list[Step]:
    """The statements that delete rows with what hangs on them, as their relations say; the deepest first.

    Rows that hang on others of the same table have to be among `keys`.
    """
    steps: list[Step] = []
    if not keys:
        return steps
    for relation in model._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ManyToOneRel) or relation.related_model is model:
            continue
        related: type[Model] = relation.related_model
        hanging = related._base_manager.filter(**{f"{relation.field.attname}__in": keys})
        found = list(hanging.values_list("pk", flat=True))
        if relation.on_delete is CASCADE:
            steps += plan_of(related, found)
        elif relation.on_delete is SET_NULL and found:
            steps.append(Step(related, found, relation.field.attname))
    # What protects a row is left to the database, which refuses.
    return [*steps, Step(model, keys)]


def carry_out(plan: list[Step]) -> Counter[str]:
    """Executes a plan; returns how many rows of what were deleted."""
    counts: Counter[str] = Counter()
    for step in plan:
        rows = step.model._base_manager.filter(pk__in=step.keys)
        if step.parting:
            rows.update(**{step.parting: None})
        else:
            counts[str(step.model._meta.verbose_name_plural)] += rows._raw_delete(rows.db)
    return counts
