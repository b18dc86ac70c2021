"""Writing the end of an answer, however long the database takes, and telling it to who watches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from django.db import DatabaseError, InterfaceError, OperationalError

from .. import protocol
from ..models import LIVE, Status
from ..serializing import end_frame
from .ending import Outcome, Written, finish
from .livelog import LiveLog
from .orders import Job

if TYPE_CHECKING:
    from .runner import Runner

logger = logging.getLogger("llmchat.engine")


class Closing:
    """The last two things that happen to an answer."""

    def __init__(self, runner: Runner, job: Job, log: LiveLog) -> None:
        self._runner = runner
        #: Under this name it was begun; the runner may have taken another one since.
        self._runner_id = job.runner
        self._job = job
        self._log = log
        #: What the log tells is not what the row got.
        self._unstorable = False

    async def write(self, compose: Callable[[], Outcome]) -> tuple[Outcome, Written]:
        """Writes the end that `compose` puts together, again and again until the database takes it."""
        outcome: Outcome | None = None
        pause = 0.1
        while True:
            # One after the other: the text of an answer is put together only when it can be written, or many
            # that end at once would all be in memory twice. But nobody waits for one that has to try again:
            # it may be the only one whose row is locked.
            async with self._runner.finishing:
                outcome = outcome or compose()
                if (written := await self._attempt(outcome)) is not None:
                    return outcome, written
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    async def _attempt(self, outcome: Outcome) -> Written | None:
        """None when the database is away or locked."""
        job = self._job
        while True:
            try:
                return await self._runner.writer.run(finish, job.generation, self._runner_id, outcome)
            except (OperationalError, InterfaceError) as error:
                logger.warning("the end of generation %d has to wait: %s", job.generation, error)
                return None
            except DatabaseError:
                logger.exception("the database refuses the text of generation %d", job.generation)
                if outcome.error_code == "internal" and outcome.text == job.base:
                    raise
                self._unstorable = True
                outcome.text, outcome.reasoning = job.base, job.base_reasoning
                outcome.events = []
                outcome.status, outcome.error_code, outcome.reason = Status.ERROR, "internal", ""

    def publish(self, outcome: Outcome, written: Written) -> None:
        """Tells the end that stands in the database, as the log's last frame where it fits."""
        log = self._log
        generation = written.generation
        end = _deleted(outcome, log) if generation is None else end_frame(generation, written.conversation)
        log.cached_tokens = sum(attempt.usage.cached_tokens for attempt in outcome.attempts)
        log.reasoning_tokens = sum(attempt.usage.reasoning_tokens for attempt in outcome.attempts)
        if end.n == log.last_n + 1 and end.status not in LIVE and not self._unstorable:
            log.end(protocol.encode(end), end.status)
        else:
            # The row tells, or will tell, another end than the log: it is the truth.
            log.ended = True
            log.forget()


def _deleted(outcome: Outcome, log: LiveLog) -> protocol.End:
    """The end of an answer whose row is gone."""
    return protocol.End(
        generation=log.generation,
        n=outcome.last_n + 1,
        message=outcome.message,
        conversation=outcome.conversation,
        status=Status.STOPPED,
        finish_reason=None,
        text_length=protocol.utf16_length(outcome.text),
        crc32=protocol.checksum(outcome.text),
        reason="deleted",
    )
