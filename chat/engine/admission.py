"""Who may run now: a cap per process, a cap per owner, and a fair line for the rest.

The line is a fair queue: the n-th answer of an owner stands where the n-th answer of every other
owner stands, so a long queue of one does not delay the first question of another. The round goes on
as turns are taken, and who comes new begins at the present one, so that a stream of newcomers does
not delay anybody for ever.
"""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import Callable, Hashable

#: Who shares places: an owner, or what is done for one unasked.
Party = Hashable


class Ticket:
    """A place for one answer: admitted, waiting, or refused because the owner's line is full."""

    def __init__(self, admission: Admission, owner: Party, turn: tuple[float, int]) -> None:
        self._admission = admission
        self.owner = owner
        #: The round in which it is its turn, and the order of arrival.
        self.turn = turn
        self.refused = False
        self.admitted = asyncio.Event()
        #: How many are before it, itself included; 0 when it does not wait.
        self.position = 0
        #: Called when `position` has changed, while waiting.
        self.moved: Callable[[], None] | None = None

    def release(self) -> None:
        """Gives the place back; the next in line takes it. Idempotent."""
        self._admission._release(self)


class Admission:
    """Hands out `Ticket`s.

    `max_running` and `max_running_per_owner` bound what runs, `max_queued_per_owner` what waits.
    """

    def __init__(self, max_running: int, max_running_per_owner: int, max_queued_per_owner: int) -> None:
        self._max_running = max_running
        self._max_per_owner = max_running_per_owner
        self._max_queued = max_queued_per_owner
        self._arrivals = 0
        self._round = 0.0
        self._next_round: dict[Party, float] = {}
        self._running: dict[Party, int] = {}
        self._held: set[Ticket] = set()
        self._line: list[Ticket] = []

    @property
    def running(self) -> int:
        return len(self._held)

    @property
    def queued(self) -> int:
        return len(self._line)

    def ask(self, owner: Party) -> Ticket:
        """A ticket for one more answer of `owner`; look at `admitted` and `refused`."""
        self._arrivals += 1
        # Who has something running has had a turn in this round.
        round = max(self._round + (owner in self._running), self._next_round.get(owner, 0))
        ticket = Ticket(self, owner, (round, self._arrivals))
        waiting = sum(other.owner == owner for other in self._line)
        if not waiting and self._fits(owner):
            self._admit(ticket)
        elif waiting >= self._max_queued:
            ticket.refused = True
            return ticket
        else:
            bisect.insort(self._line, ticket, key=lambda other: other.turn)
            self._next_round[owner] = round + 1
            self._number()
        return ticket

    def _fits(self, owner: Party) -> bool:
        return len(self._held) < self._max_running and self._running.get(owner, 0) < self._max_per_owner

    def _admit(self, ticket: Ticket) -> None:
        self._held.add(ticket)
        self._running[ticket.owner] = self._running.get(ticket.owner, 0) + 1
        ticket.position = 0
        ticket.admitted.set()

    def _release(self, ticket: Ticket) -> None:
        if ticket in self._held:
            self._held.remove(ticket)
            self._running[ticket.owner] -= 1
            if not self._running[ticket.owner]:
                del self._running[ticket.owner]
        elif ticket in self._line:
            self._line.remove(ticket)
        else:
            return
        for waiting in tuple(self._line):
            if len(self._held) >= self._max_running:
                break
            if self._fits(waiting.owner):
                # A round is over when everybody who waits has had one turn.
                self._round += 1 / len({other.owner for other in self._line})
                self._line.remove(waiting)
                self._admit(waiting)
        self._number()
        if not self._line:
            self._next_round.clear()
            self._round = 0.0
        elif len(self._next_round) > 2 * len(self._line):
            # Of owners whose turn has come and gone.
            self._next_round = {who: at for who, at in self._next_round.items() if at > self._round}

    def _number(self) -> None:
        for position, ticket in enumerate(self._line, start=1):
            if ticket.position != position:
                ticket.position = position
                if ticket.moved is not None:
                    ticket.moved()
