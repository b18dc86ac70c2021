"""Deletes a great deal in small transactions, so that whoever writes beside it waits for a moment at most."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.db import IntegrityError, router, transaction
from django.db.models import CASCADE, PROTECT, RESTRICT, SET_NULL, ManyToOneRel, Model, QuerySet

from ..engine.locks import wait_briefly
from ..models import Conversation, LegalHold, Message

#: Seconds that a transaction should take, and may: what a chunk takes decides how large the next one is.
TARGET = 0.01
AT_MOST = 0.05
FIRST_SIZE = 16
LARGEST = 500
#: The pause after a chunk, as a share of what it took: others come in between.
PAUSE = 1.0
SHORTEST_PAUSE = 0.002


class Toll:
    """How many rows of what went, in how many transactions, and how long the longest of these took."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.chunks = 0
        self.longest = 0.0
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
    size = FIRST_SIZE
    work = _pieces(keys, lambda: size)
    for messages, conversations in work:
        try:
            with transaction.atomic(using=router.db_for_write(Conversation)):
                # From here on others wait, and not before: SQLite's lock is had by now.
                started = time.monotonic()
                wait_briefly()
                counts = wipe(Message, messages)
                counts += wipe(Conversation, _free(conversations))
        except IntegrityError:
            toll.left += 1
            continue
        took = time.monotonic() - started
        toll.rows += counts
        toll.chunks += 1
        toll.longest = max(toll.longest, took)
        # Down at once, up slowly: a chunk must not be the first to show that it was too large.
        size = max(1, min(int(size * TARGET / max(took, 1e-4)), size + size // 4 + 1, LARGEST))
        time.sleep(max(took * PAUSE, SHORTEST_PAUSE))
    return toll


def _free(keys: list[UUID]) -> list[UUID]:
    """Those that nothing holds, as of now."""
    rows = LegalHold.objects.spare(Conversation.objects.filter(pk__in=keys))
    return list(rows.values_list("pk", flat=True))


def _pieces(keys: Iterable[UUID], size: Any) -> Iterator[tuple[list[UUID], list[UUID]]]:
    """Messages, and conversations that have no more of them, about so many at once.

    Of one conversation the last messages come first: an answer goes before its question.
    """
    messages: list[UUID] = []
    conversations: list[UUID] = []
    for key in keys:
        if not _free([key]):
            continue
        while True:
            room = size() - len(messages)
            rows = Message.objects.filter(conversation=key).order_by("-position")
            found = list(rows.values_list("pk", flat=True)[:room])
            messages += found
            if len(found) < room:
                conversations.append(key)
                break
            yield messages, conversations
            messages, conversations = [], []
        if len(messages) + len(conversations) >= size():
            yield messages, conversations
            messages, conversations = [], []
    if messages or conversations:
        yield messages, conversations


def wipe(model: type[Model], keys: list[Any]) -> Counter[str]:
    """Deletes rows and, as their relations say, what hangs on them; returns how many of what.

    By statements, not by objects. Rows that hang on others of the same table have to be among `keys`.
    """
    counts: Counter[str] = Counter()
    if not keys:
        return counts
    for relation in model._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ManyToOneRel) or relation.related_model is model:
            continue
        related: type[Model] = relation.related_model
        hanging: QuerySet[Any] = related._base_manager.filter(**{f"{relation.field.attname}__in": keys})
        if relation.on_delete is CASCADE:
            counts += wipe(related, list(hanging.values_list("pk", flat=True)))
        elif relation.on_delete is SET_NULL:
            hanging.update(**{relation.field.attname: None})
        elif relation.on_delete in (PROTECT, RESTRICT) and hanging.exists():
            raise IntegrityError(f"{related._meta.label} holds it")
    rows = model._base_manager.filter(pk__in=keys)
    counts[str(model._meta.verbose_name_plural)] += rows._raw_delete(rows.db)
    return counts
