"""Answers that another process writes, followed through the journal table by (generation, n)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from ..models import Generation
from . import catchup
from .livelog import LiveLog

if TYPE_CHECKING:
    from .runner import Runner

logger = logging.getLogger("llmchat.engine")

TAIL_EVERY = 0.25
#: How often watched conversations are searched for answers begun elsewhere, in tails.
DISCOVER_EVERY = 4
#: How often the writing process is told that somebody watches, in tails.
TELL_EVERY = 20


class Remote:
    """Keeps logs of foreign answers growing while somebody here watches them."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._logs: dict[int, LiveLog] = {}
        self._task: asyncio.Task[None] | None = None
        #: Whether other processes are alive; without them nothing can begin elsewhere.
        self.others = False

    async def follow(self, generation: int) -> LiveLog | None:
        """The log of a live answer of another process; None when it has ended meanwhile."""
        if (log := self._logs.get(generation)) is not None:
            return log
        found = await self._runner.readers.run(catchup.elsewhere, generation)
        if (own := self._runner.logs.get(generation)) is not None:
            # It was between its commit and its task.
            return own
        if found is None:
            return None
        log = self._logs.setdefault(generation, catchup.new_log(found))
        self._wake()
        return log

    def watched(self) -> None:
        """A socket watches a conversation: answers may begin there from elsewhere."""
        if self.others:
            self._wake()

    def _wake(self) -> None:
        if self._task is None or self._task.done():
            self._task = self._runner.spawn(self._run())

    async def _run(self) -> None:
        turn = 0
        while self._logs or (self.others and self._runner.hub.by_conversation):
            await asyncio.sleep(TAIL_EVERY)
            try:
                if self._logs:
                    await self._tail(tell=turn % TELL_EVERY == 0)
                if self.others and turn % DISCOVER_EVERY == 0:
                    await self._discover()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("answers of other processes have to wait: %s", error)
            turn += 1

    async def _tail(self, *, tell: bool) -> None:
        for pk in [pk for pk, log in self._logs.items() if not log.watchers]:
            del self._logs[pk]
        after = {pk: log.last_n for pk, log in self._logs.items()}
        new, over = await self._runner.readers.run(catchup.tail, after)
        for pk, frames in new.items():
            log = self._logs.get(pk)
            if log is not None and log.last_n == after[pk]:
                log.frames.extend(frames)
                log.wake()
        for pk in over:
            if (log := self._logs.pop(pk, None)) is not None:
                log.ended = True
                log.forget()
        if tell and self._logs:
            rows = Generation.objects.filter(pk__in=list(self._logs))
            await self._runner.writer.run(lambda: rows.update(watched_at=timezone.now()))

    async def _discover(self) -> None:
        runner = self._runner
        conversations = list(runner.hub.by_conversation)
        for pk, conversation in await runner.readers.run(catchup.live_in, conversations):
            if pk in runner.logs:
                continue
            if (log := await self.follow(pk)) is not None and pk not in runner.logs:
                for socket in tuple(runner.hub.by_conversation.get(conversation, ())):
                    socket.attach(log)
