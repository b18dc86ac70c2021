"""Texts as files, one JSON object a line. Before a line is written, that it will be read is recorded."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Model, Prefetch, QuerySet
from django.http import HttpRequest

from ..accesses import record
from ..models import ContentAccess, Conversation, Feedback, Message, Role
from .base import reason_of

#: Conversations, or ratings, that are in memory at once.
BATCH = 50


def conversations_as_lines(request: HttpRequest, rows: QuerySet[Conversation]) -> Iterator[str]:
    """Each conversation with all its messages and branches."""

    def line(conversation: Conversation) -> dict[str, Any]:
        said = list(conversation.messages.all())
        position = {message.pk: message.position for message in said}
        return {
            "id": conversation.pk,
            "title": conversation.title,
            "model": conversation.model,
            "created": conversation.created,
            "updated": conversation.updated,
            "messages": [
                {
                    "position": message.position,
                    "parent": position.get(message.parent_id) if message.parent_id else None,
                    "role": message.role,
                    "content": message.content,
                    "reasoning": message.reasoning,
                    "model": message.model,
                    "status": message.status,
                    "created": message.created,
                }
                for message in said
            ],
        }

    messages = Prefetch("messages", Message.objects.order_by("position"))
    whole = rows.select_related("owner").prefetch_related(messages)
    return _lines(request, whole, lambda batch: batch, line, "jsonl")


def feedback_as_lines(request: HttpRequest, rows: QuerySet[Feedback]) -> Iterator[str]:
    """Each rating with the question, the answer that was rated and the others to the same question.

    Nobody's name is in it.
    """
    siblings: dict[UUID, list[Message]] = {}

    def owners(batch: Sequence[Feedback]) -> list[Conversation]:
        siblings.clear()
        siblings.update(siblings_of([rating.message for rating in batch]))
        return [rating.message.conversation for rating in batch]

    def line(rating: Feedback) -> dict[str, Any]:
        answer = rating.message
        return {
            "conversation": answer.conversation_id,
            "message": answer.pk,
            "rating": rating.rating,
            "reasons": rating.reasons,
            "comment": rating.comment,
            "rated": rating.updated,
            "handled": rating.handled_at,
            "question": answer.parent.content if answer.parent is not None else "",
            "answer": answer.content,
            "model": answer.model,
            "others": [
                {"answer": other.content, "model": other.model, "status": other.status}
                for other in siblings.get(answer.pk, [])
                if other.pk != answer.pk
            ],
        }

    whole = rows.select_related("message__parent", "message__conversation__owner")
    return _lines(request, whole, owners, line, "jsonl feedback")


def siblings_of(answers: Sequence[Message]) -> dict[UUID, list[Message]]:
    """For each answer all that were given to the same question, itself among them; one query."""
    parents = [answer.parent_id for answer in answers]
    by_parent: defaultdict[UUID | None, list[Message]] = defaultdict(list)
    found = Message.objects.filter(parent__in=parents, role=Role.ASSISTANT).order_by("position")
    for message in found:
        by_parent[message.parent_id].append(message)
    return {answer.pk: by_parent[answer.parent_id] or [answer] for answer in answers}


def _lines(
    request: HttpRequest,
    rows: QuerySet[Any],
    read: Callable[[Sequence[Any]], Sequence[Conversation]],
    line: Callable[[Any], dict[str, Any]],
    what: str,
) -> Iterator[str]:
    keys = list(rows.values_list("pk", flat=True))
    for start in range(0, len(keys), BATCH):
        found = rows.in_bulk(keys[start : start + BATCH])
        batch: list[Model] = [found[key] for key in keys[start : start + BATCH] if key in found]
        once = {conversation.pk: conversation for conversation in read(batch)}
        record(request, ContentAccess.Action.EXPORT, once.values(), what=what, why=reason_of(request))
        for row in batch:
            yield json.dumps(line(row), default=_plain, ensure_ascii=False) + "\n"


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
