"""The shape of a conversation: which message answers which, and the branches that come of it."""

from __future__ import annotations

from collections import defaultdict

from ..models import Conversation, Message


class Tree:
    """All messages of a conversation by position and parent, without their texts; one query.

    A message is named by its position here and in addresses: ten thousand keys of 128 bits take a
    second to make.
    """

    def __init__(self, conversation: Conversation) -> None:
        rows = Message.objects.filter(conversation=conversation).order_by("position")
        self._parent = dict(rows.values_list("position", "parent__position"))
        self._children: defaultdict[int | None, list[int]] = defaultdict(list)
        for position, parent in self._parent.items():
            self._children[parent].append(position)
        # Children are written after their parents: going backwards, each leaf is known before its parents.
        self._leaf: dict[int, int] = {}
        for position in reversed(self._parent):
            leaves = [self._leaf[child] for child in self._children[position]]
            self._leaf[position] = max(leaves, default=position)

    def __contains__(self, position: object) -> bool:
        return position in self._parent

    @property
    def branches(self) -> int:
        return sum(1 for position in self._parent if not self._children[position])

    def branch(self, through: int | None = None) -> list[int]:
        """From the root down to the leaf last written, through that message or of the whole tree."""
        if not self._parent:
            return []
        position: int | None = self._leaf[through] if through is not None else max(self._parent)
        path = []
        while position is not None:
            path.append(position)
            position = self._parent[position]
        return path[::-1]

    def siblings(self, position: int) -> list[int]:
        """The versions of a message, itself among them, in the order of writing."""
        return self._children[self._parent[position]]
