"""Keeps the journal of a process, and listens to what other processes say of its answers."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError

from ..conf import settings
from . import journal

if TYPE_CHECKING:
    from .pump import Pump
    from .runner import Runner

logger = logging.getLogger("llmchat.journal")


class Scribe:
    """Writes a tick every `JOURNAL_INTERVAL` seconds while there are answers."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._wanted = asyncio.Event()
        #: A tick that has not been confirmed. It is given again as it was, since it may be there.
        self._unwritten: list[journal.Chunk] = []

    def want(self) -> None:
        """An answer has begun."""
        self._wanted.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if not self._runner.pumps:
                self._wanted.clear()
                await self._wanted.wait()
            due = max(due + settings.JOURNAL_INTERVAL, loop.time())
            await asyncio.sleep(due - loop.time())
            try:
                await self.tick()
            except (OperationalError, InterfaceError) as error:
                logger.warning("the journal has to wait: %s", error)
            except Exception:
                # The answers go on from memory; a journal that has stopped for good would lose them all.
                logger.exception("a journal tick failed")

    async def tick(self) -> None:
        """Writes what is new, then acts on the flags. Raises when the database is away or locked."""
        pumps = dict(self._runner.pumps)
        self._leave_the_abandoned(list(pumps.values()))
        if not self._unwritten:
            self._unwritten = [chunk for pump in pumps.values() if (chunk := self._chunk(pump)) is not None]
        chunks = self._unwritten
        refused, flags = await self._runner.writer.run(journal.write, chunks, self._runner.id)
        self._unwritten = []
        for chunk in chunks:
            if (pump := self._runner.pumps.get(chunk.generation)) is not None:
                pump.journalled_n = chunk.last_n
        for generation in refused:
            if generation in self._runner.pumps:
                self._runner.pumps[generation].fail()
        known = {flag.generation: flag for flag in flags}
        for pk, pump in pumps.items():
            if (flag := known.get(pk)) is None:
                # Deleted, or ended by others who took us for dead: `finish` will find out which.
                pump.stop("deleted")
            elif flag.stop:
                pump.stop(flag.stop)
            elif flag.watched != pump.watched_elsewhere:
                pump.watched_elsewhere = flag.watched
                pump.unwatched_since = None

    def _chunk(self, pump: Pump) -> journal.Chunk | None:
        log, first = pump.log, pump.journalled_n + 1
        if log.ended or log.last_n < first:
            return None
        return journal.Chunk(log.generation, first, log.last_n, ",".join(log.frames[first:]))

    def _leave_the_abandoned(self, pumps: list[Pump]) -> None:
        now = asyncio.get_running_loop().time()
        for pump in pumps:
            if not pump.job.abandon_after:
                continue
            if pump.log.watchers:
                pump.unwatched_since = None
            elif pump.unwatched_since is None:
                pump.unwatched_since = now
            elif now - pump.unwatched_since >= pump.job.abandon_after:
                pump.stop("abandoned")
