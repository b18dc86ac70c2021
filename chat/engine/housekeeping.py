"""What a process does besides answering: beat, bury the dead, check sessions, sweep the journal."""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from ..conf import settings
from ..sessions import Identity, Verdict, check_all, suspended
from ..usage import rollup
from . import alerts, budgets, expiry, journal, recovery
from .reporting import Reporter

if TYPE_CHECKING:
    from .runner import Runner

logger = logging.getLogger("llmchat.engine")

ORPHANS_EVERY = 5.0
SUMS_EVERY = 60.0
SWEEP_EVERY = 15.0
#: Seconds that sockets stay open while sessions cannot be checked.
UNCHECKED_PATIENCE = 300.0
CLOSE_SIGNED_OUT = 4401
CLOSE_FORBIDDEN = 4403
CLOSE_UNCHECKED = 4503


class Housekeeping:
    """The slow loops of a runner. Each survives a database that is away."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._watch = alerts.ProviderWatch()
        self._observer = recovery.Observer(settings.RUNNER_TIMEOUT, 2 * settings.RUNNER_BEAT)
        self._reporter = Reporter(runner)
        self._checked_at = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Registers the process, as soon as the database lets it, and starts the loops."""
        while True:
            try:
                await self._runner.register()
                break
            except (DatabaseError, InterfaceError) as error:
                logger.warning("the runner cannot be registered yet: %s", error)
                await asyncio.sleep(1)
        for loop in (
            self._every(settings.RUNNER_BEAT, self._beat),
            self._every(ORPHANS_EVERY, self._end_orphans),
            self._every(SWEEP_EVERY, self._sweep),
            self._every(SUMS_EVERY, self._sum_up),
            self._every(settings.SESSION_CHECK_INTERVAL, self.check_sessions),
        ):
            self._runner.spawn(loop)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            try:
                await work()
            except (DatabaseError, InterfaceError) as error:
                logger.warning("%s has to wait: %s", work.__name__.strip("_"), error)
            except Exception:
                # A host's policy, a cache that is away: the loop must live to try again.
                logger.exception("%s failed", work.__name__.strip("_"))
            due = max(due + seconds, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _beat(self) -> None:
        runner = self._runner
        try:
            beats = await runner.pulse.run(recovery.beat, runner.id, self._reporter.report())
        except Exception:
            self._observer.missed()
            raise
        if not beats.alive:
            # The others took us for dead and ended our answers: go on under a new name.
            logger.error("this process was taken for dead; it registers again")
            await runner.reincarnate()
            return
        runner.health.paused = beats.paused
        runner.remote.others = bool(beats.others)
        runner.remote.watched()
        for dead, at_beat in self._observer.look(beats.others, asyncio.get_running_loop().time()):
            await runner.writer.run(recovery.bury, dead, at_beat)

    async def _end_orphans(self) -> None:
        runner = self._runner
        if runner.submitting:
            return
        await runner.writer.run(recovery.end_orphans, runner.id, list(runner.pumps))

    async def _sweep(self) -> None:
        old = timezone.now() - datetime.timedelta(seconds=settings.JOURNAL_KEEP)
        await self._runner.writer.run(journal.sweep, old)
        await self._runner.writer.run(recovery.sweep)
        await self._runner.writer.run(budgets.sweep)
        await asyncio.to_thread(self._watch.look, self._runner.health.figures())
        # One small transaction after the other, so that answers need not wait for all of them.
        while await self._runner.writer.run(expiry.purge, 1):
            pass

    async def _sum_up(self) -> None:
        runner = self._runner
        while (day := await runner.readers.run(rollup.due)) is not None:
            # The long part waits for nobody and lets nobody wait; what is written is small.
            rows = await runner.readers.run(rollup.compute, day)
            await runner.writer.run(rollup.store, day, rows)

    async def check_sessions(self) -> None:
        """Closes the sockets whose session is gone, stops the answers of users who may not chat."""
        runner = self._runner
        sockets = runner.hub.sockets
        users = {
            pump.job.owner.user_id for pump in runner.pumps.values() if pump.job.owner.user_id is not None
        }
        now = asyncio.get_running_loop().time()
        try:
            verdicts, banned = await runner.readers.run(
                _judge, {socket.identity for socket in sockets}, users
            )
        except Exception:
            if now - self._checked_at > UNCHECKED_PATIENCE:
                for socket in sockets:
                    socket.shut(CLOSE_UNCHECKED)
            raise
        self._checked_at = now
        for socket in sockets:
            verdict = verdicts[socket.identity]
            if verdict is not Verdict.OK:
                socket.shut(CLOSE_SIGNED_OUT if verdict is Verdict.SIGNED_OUT else CLOSE_FORBIDDEN)
        for pump in tuple(runner.pumps.values()):
            if pump.job.owner.user_id in banned:
                pump.stop("suspended")


def _judge(identities: set[Identity], users: set[object]) -> tuple[dict[Identity, Verdict], set[object]]:
    return check_all(identities), suspended(users)
