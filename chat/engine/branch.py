"""The messages that lead to an answer, read from the tree of their conversation."""

from __future__ import annotations

import msgspec

from ..conf import settings
from ..models import Conversation, Message


class Branch(msgspec.Struct):
    """A message and what stands above it, nearest first, without the empty ones.

    `beyond` says how many more there are above that are not read.
    """

    messages: list[Message]
    beyond: int = 0


def read(conversation: Conversation, leaf: Message, *, with_reasoning: bool) -> Branch:
    """`leaf` and at most `MAX_HISTORY_MESSAGES` altogether, and what is pinned above them.

    A parent is always written before its child, so one descending scan meets them in order.
    """
    branch = [leaf]
    wanted = leaf.parent_id
    reasoning = ("reasoning",) if with_reasoning else ()
    older = (
        conversation.messages.filter(position__lt=leaf.position)
        .order_by("-position")
        # The conversation too: Django compares it with the one asked, row by row.
        .only("id", "conversation_id", "parent_id", "role", "content", "pinned", *reasoning)
    )
    if wanted is not None:
        for message in older.iterator(chunk_size=100):
            if message.id == wanted:
                branch.append(message)
                wanted = message.parent_id
                if wanted is None or len(branch) >= settings.MAX_HISTORY_MESSAGES:
                    break
    beyond = 0
    if wanted is not None:
        pinned = []
        above = conversation.messages.filter(position__lt=branch[-1].position).order_by("-position")
        for pk, parent, is_pinned in above.values_list("pk", "parent", "pinned").iterator(chunk_size=1000):
            if pk == wanted:
                wanted = parent
                (pinned.append(pk) if is_pinned else None)
                beyond += not is_pinned
        branch += older.filter(pk__in=pinned)
    return Branch([message for message in branch if message.content], beyond)
