"""Who may run now: a cap per process, a cap per owner, and a fair line for the rest."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from ..models.owner import Owner


class Ticket:
    """A place for one answer: admitted, waiting, or refused because the owner's line is full."""

    def __init__(self, admission: Admission, owner: Owner) -> None:
        self._admission = admission
        self.owner = owner
        self.refused = False
        self.admitted = asyncio.Event()
        self.position = 0
        #: Called when `position` has changed, while waiting.
        self.moved: Callable[[], None] | None = None

    def release(self) -> None:
        """Gives the place back; the next in line takes it. Idempotent."""
        self._admission._release(self)


class Admission:
    """Hands out `Ticket`s; waiting owners take turns, so that nobody's queue blocks another's.

    `max_running` and `max_running_per_owner` bound what runs, `max_queued_per_owner` what waits.
    """

    def __init__(self, max_running: int, max_running_per_owner: int, max_queued_per_owner: int) -> None:
        self._max_running = max_running
        self._max_per_owner = max_running_per_owner
        self._max_queued = max_queued_per_owner
        self._running: dict[Owner, int] = {}
        self._count = 0
        #: Owners in the order of their turns; an owner served goes to the end.
        self._waiting: dict[Owner, deque[Ticket]] = {}
        self._held: set[Ticket] = set()

    @property
    def running(self) -> int:
        return self._count

    @property
    def queued(self) -> int:
        return sum(len(line) for line in self._waiting.values())

    def ask(self, owner: Owner) -> Ticket:
        """A ticket for one more answer of `owner`; look at `admitted` and `refused`."""
        ticket = Ticket(self, owner)
        line = self._waiting.get(owner)
        if not line and self._fits(owner):
            self._admit(ticket)
        elif (line is not None and len(line) >= self._max_queued) or not self._max_queued:
            ticket.refused = True
        else:
            self._waiting.setdefault(owner, deque()).append(ticket)
            self._number()
        return ticket

    def _fits(self, owner: Owner) -> bool:
        return self._count < self._max_running and self._running.get(owner, 0) < self._max_per_owner

    def _admit(self, ticket: Ticket) -> None:
        self._count += 1
        self._running[ticket.owner] = self._running.get(ticket.owner, 0) + 1
        self._held.add(ticket)
        ticket.position = 0
        ticket.admitted.set()

    def _release(self, ticket: Ticket) -> None:
        if ticket in self._held:
            self._held.remove(ticket)
            self._count -= 1
            self._running[ticket.owner] -= 1
            if not self._running[ticket.owner]:
                del self._running[ticket.owner]
        elif (line := self._waiting.get(ticket.owner)) and ticket in line:
            line.remove(ticket)
            if not line:
                del self._waiting[ticket.owner]
        else:
            return
        self._advance()

    def _advance(self) -> None:
        moved = True
        while moved:
            moved = False
            for owner in list(self._waiting):
                if self._fits(owner):
                    line = self._waiting.pop(owner)
                    self._admit(line.popleft())
                    if line:
                        self._waiting[owner] = line
                    moved = True
                    break
        self._number()

    def _number(self) -> None:
        """Tells each waiting ticket how many run before it: rounds of turns, in order."""
        position = 0
        lines = [deque(line) for line in self._waiting.values()]
        while lines:
            for line in lines:
                ticket = line.popleft()
                position += 1
                if ticket.position != position:
                    ticket.position = position
                    if ticket.moved is not None:
                        ticket.moved()
            lines = [line for line in lines if line]
