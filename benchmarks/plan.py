"""How much is measured: in full, or just enough to see that everything works."""

from __future__ import annotations

import msgspec


class Plan(msgspec.Struct, frozen=True):
    """The sizes of a run. Figures are medians of `rounds`, in which the servers take turns."""

    rounds: int
    #: Answers at once, and for how many seconds they are measured at each of the rates (tokens a second).
    streams: int
    seconds: float
    rates: tuple[float, ...]
    #: Short answers, for what beginning and ending costs.
    answers: int
    #: Answers asked for on an idle server, for the time to the first token.
    probes: int
    idle_sockets: int
    #: Answers at once while the transactions of a PostgreSQL are counted.
    journalled: int
    #: Servers that are measured at the same time.
    at_once: int

    @property
    def users(self) -> int:
        """Every viewer is a user of its own."""
        return max(self.idle_sockets, self.journalled, self.streams, 50)


FULL = Plan(
    rounds=5,
    streams=50,
    seconds=10,
    rates=(50, 200),
    answers=100,
    probes=40,
    idle_sockets=1000,
    journalled=200,
    at_once=1,
)
#: Its figures say nothing: the servers disturb each other.
QUICK = Plan(
    rounds=1,
    streams=5,
    seconds=3,
    rates=(50, 200),
    answers=10,
    probes=5,
    idle_sockets=20,
    journalled=10,
    at_once=8,
)
