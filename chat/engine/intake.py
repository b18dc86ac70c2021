"""The way in: a command, its place in the line, its transaction, its task."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, InterfaceError, OperationalError

from .. import protocol, signals
from ..exceptions import Refused
from ..models import Generation, Owner
from .admission import Ticket
from .livelog import LiveLog
from .orders import Call, Job, Order, Submitted
from .stateless import stateless
from .submit import submit

if TYPE_CHECKING:
    from .runner import Runner

logger = logging.getLogger("llmchat.engine")

#: Seconds a command may wait for the database before it is refused as `unavailable`.
COMMAND_PATIENCE = 8.0


class Intake:
    """Takes commands in for a runner."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def submit(
        self,
        owner: Owner,
        user: Any,
        command: protocol.Creating,
        *,
        door: str = Generation.Door.WEB,
        call: Call | None = None,
        check: Callable[[], Any] | None = None,
        accepted: Callable[[Submitted], None] | None = None,
    ) -> Submitted:
        """Carries out a creating command and starts its answer. Raises `Refused`.

        `check` runs first, in the database thread: it may raise, and returns the user as of now.
        `accepted` is called before anything of the answer is published. Cancelling the caller does
        not take an accepted command back. With `call` the model reads that instead of the conversation.
        """
        work = self._submit(owner, user, command, door, call, check, accepted)
        return await asyncio.shield(self._runner.spawn(work))

    async def _submit(
        self,
        owner: Owner,
        user: Any,
        command: protocol.Creating,
        door: str,
        call: Call | None,
        check: Callable[[], Any] | None,
        accepted: Callable[[Submitted], None] | None,
    ) -> Submitted:
        if self._runner.draining:
            raise Refused("shutting_down", retry_after=2)
        ticket = self._runner.admission.ask(owner)
        order = Order(
            owner=owner,
            user=user,
            command=command,
            door=door,
            call=call,
            runner=self._runner.id,
            health=self._runner.health,
            queued=not ticket.admitted.is_set(),
            refused=ticket.refused,
            deadline=time.monotonic() + COMMAND_PATIENCE,
        )

        def work() -> Submitted:
            # The name may have changed since the command came.
            order.runner = self._runner.id
            if check is not None:
                order.user = check()
            return submit(order)

        submitted: Submitted = await self._commit(ticket, work)
        if submitted.job is None:
            ticket.release()
            if accepted is not None:
                accepted(submitted)
            return submitted
        log = self._runner.begin(submitted.job, ticket)
        if accepted is not None:
            accepted(submitted)
        self._announce(submitted, log)
        return submitted

    async def submit_stateless(self, owner: Owner, user: Any, call: Call) -> LiveLog:
        """Starts an answer that belongs to no conversation; the caller watches the log. Raises `Refused`."""
        if self._runner.draining:
            raise Refused("shutting_down", retry_after=2)
        # What nobody has asked for has places of its own, beside its owner's.
        ticket = self._runner.admission.ask(owner if call.asked_for else ("unasked", owner))
        if ticket.refused:
            raise Refused("rate_limited", retry_after=5)

        def work() -> Job:
            return stateless(owner, user, self._runner.id, self._runner.health, call)

        async def begin() -> LiveLog:
            return self._runner.begin(await self._commit(ticket, work), ticket)

        return await asyncio.shield(self._runner.spawn(begin()))

    async def _commit(self, ticket: Ticket, work: Callable[[], Any]) -> Any:
        runner = self._runner
        runner.submitting += 1
        try:
            async with asyncio.timeout(COMMAND_PATIENCE):
                await runner.registered.wait()
            return await runner.writer.run(work)
        except (OperationalError, InterfaceError, TimeoutError) as error:
            ticket.release()
            logger.warning("a command could not be written: %s", error)
            raise Refused("unavailable", retry_after=2) from None
        except Refused:
            ticket.release()
            raise
        except Exception as error:
            ticket.release()
            if isinstance(error, DatabaseError):
                logger.exception("a command was refused by the database")
                raise Refused("internal") from None
            raise
        finally:
            runner.submitting -= 1
            runner.changed.set()

    def _announce(self, submitted: Submitted, log: LiveLog) -> None:
        assert log.conversation is not None
        runner = self._runner
        frame = protocol.ConversationChanged(
            log.conversation,
            submitted.revision,
            submitted.title,
            "running",
            temporary=submitted.temporary,
            pinned=submitted.pinned,
            archived=submitted.archived,
        )
        runner.tell_conversation(log.owner, frame)
        for message in submitted.messages:
            runner.hub.tell_watchers(
                log.conversation,
                protocol.encode(protocol.MessageChanged(log.conversation, submitted.revision, message)),
            )
        for watcher in tuple(runner.hub.by_conversation.get(log.conversation, ())):
            watcher.attach(log)
        runner.signal(
            signals.generation_started,
            generation=log.generation,
            message=log.message,
            conversation=log.conversation,
        )
