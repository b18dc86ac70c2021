"""One clock for all running answers of a process: a tick reads, numbers and sends for everybody.

Fifty streams at fifty tokens a second are 2,500 wake-ups of tasks; with a shared tick every 40 ms
they are twenty-five callbacks.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

logger = logging.getLogger("llmchat.engine")


class Ticking(Protocol):
    """Something that wants to be called at every tick."""

    def tick(self, now: float) -> None:
        """Does its work at loop time `now`; must neither block nor raise."""


class Ticker:
    """Calls `tick` of its members every `interval` seconds, and rests while it has none."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._members: set[Ticking] = set()
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, member: Ticking) -> None:
        self._members.add(member)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._due = loop.time() + self._interval
            self._timer = loop.call_at(self._due, self._tick, loop)

    def discard(self, member: Ticking) -> None:
        self._members.discard(member)

    def close(self) -> None:
        self._members.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for member in tuple(self._members):
            try:
                member.tick(now)
            except Exception:
                # One answer's trouble must not stop the clock of all.
                self._members.discard(member)
                logger.exception("a member of the ticker failed")
        if not self._members:
            self._timer = None
            return
        # By the clock, not from the end of the work: a busy tick does not slow the next one down.
        # Kept here, because uvloop's handle of a timer that is due already does not know its time.
        self._due = max(self._due + self._interval, loop.time())
        self._timer = loop.call_at(self._due, self._tick, loop)
