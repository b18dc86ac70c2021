"""Asking the index: the newest first, each conversation once, with the place that was found."""

from __future__ import annotations

import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connections, router
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from ..models import Conversation, Message, Owner
from ..models.search import SearchEntry
from . import schema
from .query import TITLE, Query, owner_term, parse
from .snippet import Pieces, mark, snippet
from .terms import MAX_CHARS, fold

PAGE = 20
#: Titles come first, but they do not keep the messages from being seen.
TITLES = 5
#: Entries that are looked at at once, and how often for one page.
_LOOK = 100
_LOOKS = 5
_CONVERSATION = ("title", "archived", "updated")
_MESSAGE = ("conversation_id", "role", "content")


class Hit(msgspec.Struct):
    """A conversation in which something was found: in its title, or in the newest message that has it."""

    conversation: UUID
    title: Pieces
    snippet: Pieces
    message: UUID | None
    role: str | None
    archived: bool
    updated: datetime.datetime


class Page(msgspec.Struct):
    """`before` goes on from here; None when that was all."""

    hits: list[Hit]
    before: int | None


def find(
    text: str,
    owner: Owner | None = None,
    *,
    before: int | None = None,
    within: QuerySet[Conversation] | None = None,
) -> Page:
    """One page of what `text` finds: the owner's, or, with None, everybody's (for the admin).

    `within` narrows the conversations further. Whatever the index says, only rows of the owner's are read.
    """
    query = parse(text)
    if not query:
        return Page([], None)
    conversations = Conversation.objects.all() if within is None else within
    if owner is not None:
        conversations = conversations.filter(pk__in=Conversation.objects.for_owner(owner))
        query = query.narrowed(owner_term(owner))
    hits: dict[UUID, Hit] = {}
    if before is None:
        _look(query, _ids(query.narrowed(TITLE), None, TITLES), conversations, hits)
    for _ in range(_LOOKS):
        ids = _ids(query, before, _LOOK)
        if (rest := _look(query, ids, conversations, hits)) is not None:
            before = rest
            break
        before = ids[-1] if len(ids) == _LOOK else None
        if before is None:
            break
    return Page(list(hits.values()), before)


def conversations_matching(text: str, newest: int | None = None) -> QuerySet[Any]:
    """The ids of all conversations with `text` in their title or in one message, for `pk__in`.

    Of phrases, and of unspaced words of more than two characters, it finds a little too much. With
    `newest` only so many places are looked at, those last written.
    """
    query = parse(text)
    if not query:
        return SearchEntry.objects.none().values("conversation_id")
    return SearchEntry.objects.filter(pk__in=_subquery(query, newest)).values("conversation_id")


def _look(query: Query, ids: list[int], conversations: Any, hits: dict[UUID, Hit]) -> int | None:
    """Adds what `ids` lead to; returns what to go on below when there is no room for more."""
    entries = list(
        SearchEntry.objects.filter(pk__in=ids).order_by("-pk").values_list("pk", "source", "conversation_id")
    )
    new = {conversation for _, _, conversation in entries if conversation not in hits}
    rows = conversations.filter(temporary=False, pk__in=new).only(*_CONVERSATION).in_bulk()
    texts = (
        Message.objects.filter(conversation__in=rows).only(*_MESSAGE).in_bulk(_wanted(query, entries, rows))
    )
    for pk, source, conversation_id in entries:
        conversation = rows.get(conversation_id)
        if conversation is None or conversation_id in hits:
            continue
        if len(hits) >= PAGE:
            return pk + 1
        message = None
        if source != conversation_id:
            message = texts.get(source)
            if message is None:
                continue
        said = conversation.title if message is None else message.content
        if query.phrases and not query.holds(fold(said[:MAX_CHARS])):
            continue
        hits[conversation_id] = _hit(query, conversation, message)
    return None


def _wanted(query: Query, entries: Any, rows: dict[UUID, Conversation]) -> list[UUID]:
    """The messages whose texts are needed: of each conversation the newest, or all where it must be read."""
    newest: dict[UUID, UUID] = {}
    for _, source, conversation in entries:
        newest.setdefault(conversation if not query.phrases else source, source)
    return [source for source in newest.values() if source not in rows]


def _hit(query: Query, conversation: Conversation, message: Message | None) -> Hit:
    return Hit(
        conversation=conversation.pk,
        title=mark(conversation.title, query),
        snippet=snippet(message.content, query) if message is not None else [],
        message=message.pk if message is not None else None,
        role=message.role if message is not None else None,
        archived=conversation.archived,
        updated=conversation.updated,
    )


def _ids(query: Query, before: int | None, limit: int) -> list[int]:
    """The newest entries that fit, below `before`."""
    connection = connections[router.db_for_read(SearchEntry)]
    older = "" if before is None else " AND {key} < %s"
    values: list[Any] = [_expression(query, connection.vendor), *([] if before is None else [before]), limit]
    if connection.vendor == "postgresql":
        sql = f"SELECT id FROM {schema.ENTRIES} WHERE terms @@ %s::tsquery{older.format(key='id')} "
        sql += "ORDER BY id DESC LIMIT %s"
    else:
        sql = f"SELECT rowid FROM {schema.INDEX} WHERE {schema.INDEX} MATCH %s{older.format(key='rowid')} "
        sql += "ORDER BY rowid DESC LIMIT %s"
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [pk for (pk,) in cursor.fetchall()]


def _subquery(query: Query, newest: int | None = None) -> RawSQL:
    vendor = connections[router.db_for_read(SearchEntry)].vendor
    if vendor == "postgresql":
        sql, key = f"SELECT id FROM {schema.ENTRIES} WHERE terms @@ %s::tsquery", "id"
    else:
        sql, key = f"SELECT rowid FROM {schema.INDEX} WHERE {schema.INDEX} MATCH %s", "rowid"
    if newest is not None:
        sql += f" ORDER BY {key} DESC LIMIT {newest:d}"
    return RawSQL(sql, [_expression(query, vendor)])


def _expression(query: Query, vendor: str) -> str:
    """The query in the database's own language. Terms hold neither quotes nor backslashes."""
    if vendor == "postgresql":
        whole = [f"'{term}'" for term in query.terms]
        return " & ".join([*whole, *(f"'{term}':*" for term in query.beginnings)])
    whole = [f'"{term}"' for term in query.terms]
    return " AND ".join([*whole, *(f'"{term}" *' for term in query.beginnings)])
