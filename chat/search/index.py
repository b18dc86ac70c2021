"""Entries come and change in the transactions that write the texts; with the texts they go, by triggers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec
from django.db import connections, router, transaction
from django.db.models import Q

from ..models import LIVE, Conversation, Message, Owner, Role
from ..models.search import SearchEntry
from . import schema
from .query import TITLE, owner_term
from .terms import terms_of

BATCH = 500


class Text(msgspec.Struct):
    """Something to be found: a message or, where `source` is the conversation, its title."""

    source: UUID
    conversation: UUID
    text: str


def put(owner: Owner, *texts: Text) -> None:
    """Takes texts of the owner's into the index, or anew. Part of the present transaction."""
    _write([(owner, text) for text in texts])


def _entry(owner: Owner, text: Text) -> SearchEntry:
    own = [owner_term(owner), *([TITLE] if text.source == text.conversation else ())]
    return SearchEntry(
        source=text.source,
        conversation_id=text.conversation,
        terms=" ".join([*own, *terms_of(text.text)]),
    )


def forget(conversation: UUID) -> None:
    """Takes a conversation out of the index that is still there, because it must not be found."""
    SearchEntry.objects.filter(
        Q(source=conversation) | Q(source__in=Message.objects.filter(conversation=conversation).values("pk"))
    ).delete()


def take(conversation: Conversation) -> None:
    """Takes a whole conversation into the index, for one that could not be found before."""
    with transaction.atomic():
        put(
            conversation.belongs_to,
            Text(conversation.pk, conversation.pk, conversation.title),
            *(
                Text(pk, conversation.pk, content)
                for pk, content in _found(Message.objects.filter(conversation=conversation)).values_list(
                    "pk", "content"
                )
            ),
        )


def rebuild() -> int:
    """Takes in all texts, oldest first, and drops what is not to be found; returns how many were taken in.

    In small transactions: answers go on, and searches see the old entries until they are replaced.
    """
    count = 0
    kept = Conversation.objects.filter(temporary=False)
    titles = kept.order_by("created", "pk").values_list("pk", "pk", "title", "owner_id", "session_key")
    messages = _found(Message.objects.filter(conversation__temporary=False)).values_list(
        "pk", "conversation_id", "content", "conversation__owner_id", "conversation__session_key"
    )
    for rows in (titles, messages.order_by("created", "position")):
        for batch in _batches(rows.iterator(BATCH)):
            _write([(Owner(owner, session), Text(*text)) for *text, owner, session in batch])
            count += len(batch)
    entries = SearchEntry.objects.exclude(source__in=messages.values("pk"))
    entries.exclude(source__in=kept.values("pk")).delete()
    schema.refill(connections[router.db_for_write(SearchEntry)])
    return count


def _batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _write(texts: Iterable[tuple[Owner, Text]]) -> None:
    SearchEntry.objects.bulk_create(
        [_entry(owner, text) for owner, text in texts],
        update_conflicts=True,
        unique_fields=["source"],
        update_fields=["terms"],
    )


def _found(messages: Any) -> Any:
    """Those of the messages that a search finds: said by somebody, and not growing any more."""
    return messages.filter(role__in=(Role.USER, Role.ASSISTANT)).exclude(status__in=LIVE).exclude(content="")
