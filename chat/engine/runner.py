"""The engine of a process: owns the tasks that write answers, and everything they share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import uuid
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.dispatch import Signal

from .. import protocol, signals
from ..conf import settings
from ..exceptions import Refused
from ..models import Generation, Owner
from ..upstream import prices
from ..upstream.client import Clients
from ..upstream.health import Health
from ..upstream.stream import UpstreamStream
from ..upstream.target import Target
from ..upstream.types import ChatRequest
from . import pauses, recovery, titles
from .admission import Admission, Ticket
from .context import lasting_context
from .ending import Written
from .endpoints import endpoint
from .housekeeping import Housekeeping
from .hub import Hub
from .intake import Intake
from .livelog import LiveLog
from .orders import Job
from .pump import Pump
from .remote import Remote
from .scribe import Scribe
from .threads import DatabaseThreads
from .ticker import Ticker

logger = logging.getLogger("llmchat.engine")

#: Seconds that an ended log stays in memory for those who read a little behind.
AFTERGLOW = 5.0
#: Seconds for writing the ends of answers that a shutdown breaks off.
CHECKPOINT_SECONDS = 1.5


class Runner:
    """Owns the running answers of one event loop. All methods but `stop_soon` belong to that loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.id = uuid.uuid4()
        self.label = f"{socket.gethostname()}:{os.getpid()}"
        self.writer = DatabaseThreads("write", 1)
        self.readers = DatabaseThreads("read", 4)
        #: The beat has a thread of its own: nobody may be taken for dead because a write waits.
        self.pulse = DatabaseThreads("beat", 1)
        self.clients = Clients()
        #: What the answers of this process have learned of the providers.
        self.health = Health(settings.BREAKER_FAILURES, settings.BREAKER_SECONDS)
        #: Requests under way, by provider.
        self._asked: Counter[str] = Counter()
        self.finishing = asyncio.Lock()
        self.ticker = Ticker(settings.FRAME_INTERVAL)
        self.admission = Admission(
            settings.MAX_RUNNING, settings.MAX_RUNNING_PER_USER, settings.MAX_QUEUED_PER_USER
        )
        self.hub = Hub()
        self.logs: dict[int, LiveLog] = {}
        self.pumps: dict[int, Pump] = {}
        self.remote = Remote(self)
        self.draining = False
        self.closed = False
        self._impatient = False
        #: An answer or a command has come to its end, or a second signal has come.
        self.changed = asyncio.Event()
        #: Counters for health and metrics; `checksum_mismatch` must stay 0.
        self.counters = {"checksum_mismatch": 0, "gap": 0}
        self._tasks: set[asyncio.Task[Any]] = set()
        #: Commands whose rows may exist while their task does not yet.
        self.submitting = 0
        self.intake = Intake(self)
        self._scribe = Scribe(self)
        self._housekeeping = Housekeeping(self)
        self.registered = asyncio.Event()

    def start(self) -> None:
        """Begins to beat, to journal and to look after the others."""
        if any(prices.may_be_listed(own.BASE_URL, own.PRICED_AS) for own in settings.PROVIDERS.values()):
            self.spawn(asyncio.to_thread(prices.warm))
        self.spawn(self._scribe.run())
        self.spawn(self._housekeeping.run())

    async def register(self) -> None:
        """Enters this process into the database; answers can begin from then on."""
        await self.writer.run(recovery.register, self.id, self.label)
        self.health.paused = await self.pulse.run(pauses.read)
        self.registered.set()

    async def reincarnate(self) -> None:
        """Goes on under a new id after others took this process for dead and ended its answers."""
        self.registered.clear()
        for pump in tuple(self.pumps.values()):
            pump.stop("crashed")
        self.id = uuid.uuid4()
        await self.register()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task that the runner owns: kept until it ends, cancelled by `close`, its failure logged."""
        task = self.loop.create_task(work, context=lasting_context())
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if (
            not task.cancelled()
            and (error := task.exception()) is not None
            and not isinstance(error, Refused)
        ):
            logger.error("a task of the runner failed", exc_info=error)

    @property
    def tasks(self) -> int:
        """How many tasks are alive; the housekeeping is one of them."""
        return len(self._tasks)

    def figures(self) -> dict[str, int]:
        """What health and metrics show of this process."""
        return {
            "running": self.admission.running,
            "queued": self.admission.queued,
            "sockets": len(self.hub.sockets),
            "tasks": self.tasks,
            **self.counters,
        }

    # Beginning

    def begin(self, job: Job, ticket: Ticket) -> LiveLog:
        """Starts the task of an answer whose row is there; returns its log."""
        log = LiveLog(
            job.generation,
            job.owner,
            conversation=job.conversation,
            message=job.message,
            model=job.targets[0].name,
            base=job.base,
            base_reasoning=job.base_reasoning,
            base_events=job.base_events,
        )
        if job.left_out:
            log.append_event("context", left_out=job.left_out)
        log.state = "running" if ticket.admitted.is_set() else "queued"
        pump = Pump(self, job, log, ticket)
        self.logs[job.generation] = log
        self.pumps[job.generation] = pump
        self._scribe.want()
        self.spawn(self._run(pump))
        return log

    async def _run(self, pump: Pump) -> None:
        try:
            await pump.run()
        finally:
            # Also when it failed: the row is then ended as an orphan, and who watches looks for that end.
            self.pumps.pop(pump.job.generation, None)
            self.changed.set()
            if not pump.log.ended:
                pump.log.ended = True
                pump.log.forget()
            self.loop.call_later(AFTERGLOW, self._forget, pump.log)

    def _forget(self, log: LiveLog) -> None:
        if self.logs.get(log.generation) is log:
            del self.logs[log.generation]
        log.forget()

    def tell_conversation(self, owner: Owner, frame: protocol.ConversationChanged) -> None:
        """Tells all sockets of the owner what became of a conversation."""
        self.hub.tell_owner(owner, protocol.encode(frame))

    async def open(self, target: Target, request: ChatRequest) -> UpstreamStream:
        """Opens the upstream stream for one answer; `release` gives it back. Raises `UpstreamError`."""
        self._asked[target.provider] += 1
        try:
            return await self.clients.open(endpoint(target.provider), request)
        except BaseException:
            self.release(target)
            raise

    def release(self, target: Target) -> None:
        """An answer of that provider is over."""
        self._asked[target.provider] -= 1

    def is_full(self, target: Target) -> bool:
        """Whether the provider has as many requests of ours as it may have."""
        limit = settings.PROVIDERS[target.provider].MAX_RUNNING
        return bool(limit) and self._asked[target.provider] >= limit

    # Ending

    def stop(self, generation: int, reason: str) -> bool:
        """Stops an answer of this process; False when it is not written here."""
        pump = self.pumps.get(generation)
        if pump is None:
            return False
        pump.stop(reason)
        return True

    def stop_soon(self, generations: list[int], reason: str) -> None:
        """`stop` for other threads."""
        if not self.closed:
            self.loop.call_soon_threadsafe(lambda: [self.stop(pk, reason) for pk in generations])

    def ended(self, pump: Pump, written: Written) -> None:
        """Called by a pump whose end is in the database and in its log."""
        log, generation = pump.log, written.generation
        if log.conversation is not None and generation is not None:
            running = any(
                other.log.conversation == log.conversation
                for other in self.pumps.values()
                if other is not pump
            )
            state = "running" if running else "failed" if generation.status == "error" else "idle"
            frame = protocol.ConversationChanged(
                log.conversation,
                written.revision,
                written.title,
                "deleted" if written.deleted else state,
                temporary=written.temporary,
                pinned=written.pinned,
                archived=written.archived,
                unread=written.won,
            )
            self.tell_conversation(log.owner, frame)
            if settings.TITLE_MODEL and written.won and log.message and generation.status == "complete":
                self.spawn(titles.give(self, log.owner, log.conversation, log.message))
        if written.won and generation is not None:
            self.signal(
                signals.generation_ended,
                generation=generation.pk,
                message=generation.message_id,
                conversation=log.conversation,
                status=generation.status,
                error_code=generation.error_code,
            )

    def signal(self, signal: Signal, **arguments: Any) -> None:
        """Sends a signal of the app in a task of its own, if anybody listens."""
        if signal.has_listeners(Generation):
            self.spawn(signals.send(signal, sender=Generation, **arguments))

    # Dying

    def farewell(self, close_code: int) -> None:
        """Refuses new work from now on and sends the sockets away."""
        self.draining = True
        for watcher in self.hub.sockets:
            watcher.shut(close_code)

    async def drain(self, seconds: float | None = None, *, close_code: int = 4012) -> None:
        """Refuses new work, sends the sockets away, lets answers end for so long, then checkpoints them."""
        self.farewell(close_code)
        deadline = self.loop.time() + (settings.DRAIN_SECONDS if seconds is None else seconds)
        await self._quiet(deadline, patient=True)
        for pump in tuple(self.pumps.values()):
            pump.stop("drained")
        await self._quiet(deadline + CHECKPOINT_SECONDS, patient=False)

    async def _quiet(self, deadline: float, *, patient: bool) -> None:
        """Returns when no answer is left, at loop time `deadline`, or at a second signal."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                while (self.pumps or self.submitting) and not (patient and self._impatient):
                    self.changed.clear()
                    await self.changed.wait()

    def hurry(self) -> None:
        """A second signal: checkpoint now."""
        self._impatient = True
        self.changed.set()

    async def close(self) -> None:
        """Ends everything that is left; the runner cannot be used again."""
        if self.closed:
            return
        self.draining = self.closed = True
        self.ticker.close()
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.clients.aclose()
        try:
            async with asyncio.timeout(2):
                await self.writer.run(recovery.bury_self, self.id)
        except (DatabaseError, InterfaceError, TimeoutError):
            logger.warning("could not sign off; others will notice within %s s", settings.RUNNER_TIMEOUT)
        await asyncio.to_thread(self.writer.close)
        await asyncio.to_thread(self.readers.close)
        await asyncio.to_thread(self.pulse.close)
