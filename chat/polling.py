"""A viewer that comes by HTTP, again and again: a socket that lives for one response."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any
from uuid import UUID

from . import protocol
from .engine.catchup import View
from .engine.livelog import LiveLog
from .engine.runner import Runner
from .models import Owner
from .outbox import Outbox
from .sessions import Identity
from .showing import ready, show

#: Seconds that a response goes on collecting once it has something: a poll per frame would cost too much.
GATHER = 0.3


class Poll:
    """Collects what a socket would be sent. Use it as a context: inside, its owner counts as present."""

    def __init__(self, runner: Runner, owner: Owner, identity: Identity) -> None:
        self.runner = runner
        self.owner = owner
        self.identity = identity
        self.watched: set[UUID] = set()
        self.frames: list[str] = []
        self._closed = False
        # No window: what one response can hold is bounded by the answers that run.
        self.outbox = Outbox(runner, self._take, self.shut, window=sys.maxsize)

    def __enter__(self) -> Poll:
        self.runner.hub.enter(self)
        return self

    def __exit__(self, *error: object) -> None:
        self.runner.hub.leave(self)
        self.outbox.close()

    async def greet(self, user: Any, wait: float) -> list[str]:
        """`ready`, and what becomes of the owner's conversations within `wait` seconds."""
        self.outbox.reply(protocol.encode(ready(user)))
        await self.outbox.flush()
        return await self._collect(wait)

    async def watch(
        self, view: View, seen: dict[int, int], because: str | None, revision: int | None, wait: float
    ) -> list[str]:
        """What `watch` is answered with on a socket, and what comes within `wait` seconds.

        A client that does not know the present `revision` is told of it at once.
        """
        self.runner.hub.watch(self, view.conversation)
        self.runner.remote.watched()
        await show(self.runner, self.outbox, view, seen, because, None)
        await self.outbox.flush()
        behind = revision is not None and revision < view.revision
        return await self._collect(0 if behind else wait)

    async def _collect(self, wait: float) -> list[str]:
        first = len(self.frames) == 1
        if first and wait:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    while len(self.frames) == 1 and not self._closed:
                        await self.outbox.news()
                        await self.outbox.flush()
        if wait and not self._closed and len(self.frames) > 1:
            await asyncio.sleep(min(wait, GATHER))
            await self.outbox.flush()
        return self.frames

    async def _take(self, frame: str) -> None:
        self.frames.append(frame)

    # What the engine calls

    def wake(self) -> None:
        self.outbox.wake()

    def notify(self, frame: str) -> None:
        """An unnumbered frame nobody asked for."""
        self.outbox.notify(frame)

    def attach(self, log: LiveLog) -> None:
        """Follows a generation that has just begun in a conversation it watches."""
        self.outbox.attach(log)

    def shut(self, code: int) -> None:
        """Ends the waiting: the next request learns why."""
        self._closed = True
        self.outbox.wake()
