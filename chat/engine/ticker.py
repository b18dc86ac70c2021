"""One clock for all running answers of a process: a tick reads, numbers and sends for everybody.

Fifty streams at fifty tokens a second are 2,500 wake-ups; with a shared tick every 40 ms they are
twenty-five. Between two ticks nothing is read: what providers send waits in the kernel.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

logger = logging.getLogger("llmchat.engine")


class Ticking(Protocol):
    """Something that wants to be called at every tick."""

    def listen(self) -> None:
        """Lets come in what has arrived since the last tick; must neither block nor raise."""

    def tick(self, now: float) -> None:
        """Does its work at loop time `now`; must neither block nor raise."""


class Ticker:
    """Calls `listen` and then `tick` of its members every `interval` seconds; rests while it has none."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._members: set[Ticking] = set()
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def add(self, member: Ticking) -> None:
        self._members.add(member)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._due = loop.time() + self._interval
            self._timer = loop.call_at(self._due, self._listen, loop)

    def discard(self, member: Ticking) -> None:
        self._members.discard(member)

    def close(self) -> None:
        self._closed = True
        self._members.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        self._each(lambda member: member.listen())
        # The loop looks at its sockets between the first of these calls and the second.
        loop.call_soon(loop.call_soon, self._tick, loop)

    def _each(self, call: Callable[[Ticking], None]) -> None:
        for member in tuple(self._members):
            try:
                call(member)
            except Exception:
                # One answer's trouble must not stop the clock of all.
                self._members.discard(member)
                logger.exception("a member of the ticker failed")

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._closed:
            return
        now = loop.time()
        self._each(lambda member: member.tick(now))
        if not self._members:
            self._timer = None
            return
        # By the clock, not from the end of the work: a busy tick does not slow the next one down.
        # Kept here, because uvloop's handle of a timer that is due already does not know its time.
        self._due = max(self._due + self._interval, loop.time())
        self._timer = loop.call_at(self._due, self._listen, loop)
