"""What a search in the admin finds, and in what it may look."""

from __future__ import annotations

import ipaddress
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils.text import smart_split, unescape_string_literal

from ..models import Conversation, Message


def find_conversations(
    queryset: QuerySet[Conversation], term: str, *, in_texts: bool
) -> QuerySet[Conversation]:
    """Those where every word of `term` is found: in the owner's name or the number, and if allowed in texts.

    Without `in_texts` a title does not count either, so that no answer depends on what was written.
    """
    for word in words_of(term):
        condition = Q(owner__in=owners_matching(word))
        if (key := as_uuid(word)) is not None:
            condition |= Q(pk=key)
        if in_texts:
            condition |= Q(title__icontains=word) | Q(pk__in=_holding(word))
        queryset = queryset.filter(condition)
    return queryset


def _holding(word: str) -> QuerySet[Any]:
    said = Message.objects.filter(Q(content__icontains=word) | Q(reasoning__icontains=word))
    return said.values("conversation_id")


def owners_matching(term: str) -> QuerySet[Any]:
    """The users whose name or e-mail address contains `term`."""
    model = get_user_model()
    existing = {field.name for field in model._meta.get_fields()}
    condition = Q()
    for field in sorted({model.USERNAME_FIELD, model.get_email_field_name()} & existing):
        condition |= Q(**{f"{field}__icontains": term})
    return model._default_manager.filter(condition).values("pk")


def words_of(term: str) -> list[str]:
    """`term` split at blanks; what stands in quotes stays together."""
    return [
        unescape_string_literal(word) if word[0] in "\"'" and word[0] == word[-1] and len(word) > 1 else word
        for word in smart_split(term)
    ]


def as_uuid(term: str) -> UUID | None:
    """The number in `term`, where it is one."""
    try:
        return UUID(term)
    except ValueError:
        return None


def as_address(term: str) -> str | None:
    """The IP address in `term`, without its zone, where it is one."""
    try:
        return str(ipaddress.ip_address(term.partition("%")[0]))
    except ValueError:
        return None
