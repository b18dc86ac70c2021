"""The shape of a conversation: which message answers which, and the branches that come of it."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from ..models import Conversation, Message


class Tree:
    """All messages of a conversation by key and parent, without their texts; one query."""

    def __init__(self, conversation: Conversation) -> None:
        self._parent: dict[UUID, UUID | None] = {}
        self._children: defaultdict[UUID | None, list[UUID]] = defaultdict(list)
        rows = Message.objects.filter(conversation=conversation).order_by("position")
        for key, parent in rows.values_list("pk", "parent_id"):
            self._parent[key] = parent
            self._children[parent].append(key)
        # Children are written after their parents: going backwards, each leaf is known before its parents.
        self._leaf: dict[UUID, UUID] = {}
        order = {key: number for number, key in enumerate(self._parent)}
        for key in reversed(self._parent):
            leaves = [self._leaf[child] for child in self._children[key]]
            self._leaf[key] = max(leaves, key=order.__getitem__, default=key)

    def __len__(self) -> int:
        return len(self._parent)

    def __contains__(self, key: object) -> bool:
        return key in self._parent

    @property
    def branches(self) -> int:
        return sum(1 for key in self._parent if not self._children[key])

    def branch(self, through: UUID | None = None) -> list[UUID]:
        """From the root down to the leaf last written, through that message or of the whole tree."""
        if not self._parent:
            return []
        key: UUID | None = self._leaf[through] if through is not None else next(reversed(self._parent))
        path = []
        while key is not None:
            path.append(key)
            key = self._parent[key]
        return path[::-1]

    def siblings(self, key: UUID) -> list[UUID]:
        """The versions of a message, itself among them, in the order of writing."""
        return self._children[self._parent[key]]
