"""What a search in the admin finds, and in what it may look."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils.text import smart_split, unescape_string_literal

from ..models import Conversation, Message
from ..search import conversations_matching

#: A longer term is cut off, of more words the first ones count.
MAX_CHARS, MAX_WORDS = 300, 8


#: Of a word that stands everywhere the places last written are found, and no more.
NEWEST = 1_000


def find_conversations(
    queryset: QuerySet[Conversation], term: str, *, in_texts: bool
) -> QuerySet[Conversation]:
    """Those where every word of `term` is found: in the owner's name or the number, and if allowed in texts.

    Without `in_texts` a title does not count either, so that no answer depends on what was written.
    """
    for word, quoted in words_of(term)[:MAX_WORDS]:
        # A union instead of an OR: from it the database goes to the rows, and not through all of them.
        found = Conversation.objects.filter(owner__in=owners_matching(word)).order_by().values("pk")
        if in_texts:
            found = found.union(_holding(word, quoted=quoted))
        if (key := as_uuid(word)) is not None:
            found = found.union(Conversation.objects.filter(pk=key).order_by().values("pk"))
        queryset = queryset.filter(pk__in=found)
    return queryset


def _holding(word: str, *, quoted: bool) -> QuerySet[Any]:
    if not quoted:
        return conversations_matching(word, newest=NEWEST)
    # The index knows words and not their order: what it finds is read.
    found = conversations_matching(f'"{word}"', newest=NEWEST)
    said = Message.objects.filter(conversation__in=found, content__icontains=word).values("conversation_id")
    titled = Conversation.objects.filter(pk__in=found, title__icontains=word).values("pk")
    return said.order_by().union(titled.order_by())


def owners_matching(term: str) -> QuerySet[Any]:
    """The users whose name or e-mail address contains `term`."""
    model = get_user_model()
    existing = {field.name for field in model._meta.get_fields()}
    condition = Q()
    for field in sorted({model.USERNAME_FIELD, model.get_email_field_name()} & existing):
        condition |= Q(**{f"{field}__icontains": term})
    return model._default_manager.filter(condition).values("pk")


def words_of(term: str) -> list[tuple[str, bool]]:
    """`term` split at blanks, each word with whether it was in quotes; what is, stays together."""
    return [
        (unescape_string_literal(word), True)
        if word[0] in "\"'" and word[0] == word[-1] and len(word) > 1
        else (word, False)
        for word in smart_split(term[:MAX_CHARS])
    ]


def as_uuid(term: str) -> UUID | None:
    """The number in `term`, where it is one."""
    try:
        return UUID(term)
    except ValueError:
        return None
