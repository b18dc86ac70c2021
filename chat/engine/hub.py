"""Who is here: the sockets of this process, by owner and by conversation they watch."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Protocol
from uuid import UUID

from ..models.owner import Owner
from ..sessions import Identity
from .livelog import LiveLog, Watcher


class Socket(Watcher, Protocol):
    """What the engine knows of an open WebSocket."""

    owner: Owner
    identity: Identity
    watched: set[UUID]

    def notify(self, frame: str) -> None:
        """Sends an unnumbered frame when there is room for it."""

    def attach(self, log: LiveLog) -> None:
        """Follows a new generation from its `begin`."""

    def shut(self, code: int) -> None:
        """Closes the connection with `code`."""


class Hub:
    """An index of sockets. All its methods are called on the loop and none of them waits."""

    def __init__(self) -> None:
        self.by_owner: defaultdict[Owner, set[Socket]] = defaultdict(set)
        self.by_conversation: defaultdict[UUID, set[Socket]] = defaultdict(set)

    @property
    def sockets(self) -> list[Socket]:
        return [socket for sockets in self.by_owner.values() for socket in sockets]

    def count(self, owner: Owner) -> int:
        return len(self.by_owner.get(owner, ()))

    def enter(self, socket: Socket) -> None:
        self.by_owner[socket.owner].add(socket)

    def leave(self, socket: Socket) -> None:
        """Forgets a closed socket everywhere."""
        _discard(self.by_owner, socket.owner, socket)
        for conversation in tuple(socket.watched):
            self.unwatch(socket, conversation)

    def watch(self, socket: Socket, conversation: UUID) -> None:
        socket.watched.add(conversation)
        self.by_conversation[conversation].add(socket)

    def unwatch(self, socket: Socket, conversation: UUID) -> None:
        socket.watched.discard(conversation)
        _discard(self.by_conversation, conversation, socket)

    def tell_owner(self, owner: Owner, frame: str) -> None:
        for socket in tuple(self.by_owner.get(owner, ())):
            socket.notify(frame)

    def tell_watchers(self, conversation: UUID, frame: str) -> None:
        for socket in tuple(self.by_conversation.get(conversation, ())):
            socket.notify(frame)


def _discard(index: dict[Any, set[Socket]], key: Any, socket: Socket) -> None:
    sockets = index.get(key)
    if sockets is not None:
        sockets.discard(socket)
        if not sockets:
            del index[key]
