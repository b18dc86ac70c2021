"""The life of one answer: wait for its turn, ask, read, number, finish."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, InterfaceError

from .. import observability
from ..conf import settings
from ..models import Status
from ..upstream.errors import UpstreamError
from ..upstream.stream import UpstreamStream
from ..upstream.types import Ended
from .admission import Ticket
from .attempts import Attempts
from .closing import Closing
from .ending import Outcome, mark_running
from .livelog import LiveLog
from .orders import Job
from .steps import kept
from .tally import Tally
from .turn import wait_turn
from .verdict import Verdict, judge

if TYPE_CHECKING:
    from .runner import Runner

logger = logging.getLogger("llmchat.engine")


class Pump:
    """Reads one upstream stream into one log, and writes the one end.

    `run` is the whole life. `stop` may be called at any moment, any number of times: it closes the
    upstream at once and leaves the rest to `run`.
    """

    def __init__(self, runner: Runner, job: Job, log: LiveLog, ticket: Ticket) -> None:
        self.job = job
        self.log = log
        self._runner = runner
        self._ticket = ticket
        self._producing: asyncio.Task[Ended] | None = None
        self._stop_reason = ""
        self._failed = False
        self._closing = Closing(runner, job, log)
        self._accepted_at = asyncio.get_running_loop().time()
        self._started_at = self._accepted_at
        self._last_content_at = 0.0
        self._stream: UpstreamStream | None = None
        self._over: asyncio.Future[None] | None = None
        self._tally = Tally(log, settings.MAX_ANSWER_CHARS)
        self._attempts = Attempts(runner, job, log, self._tally)
        #: When the last watcher went; None while there is one.
        self.unwatched_since: float | None = self._accepted_at
        self.journalled_n = 0
        self.watched_elsewhere = ""

    @property
    def chars(self) -> int:
        """How much the provider has said so far."""
        return self._tally.chars

    def stop(self, reason: str) -> None:
        """Ends the answer where it is. The first reason counts; an end already reached stays."""
        if self._stop_reason or (self._producing is not None and self._producing.done()):
            return
        self._stop_reason = reason
        if self._producing is not None:
            self._producing.cancel()

    def fail(self) -> None:
        """Ends the answer in `error`: the database does not take its frames."""
        self._failed = True
        self.stop("refused")

    async def run(self) -> None:
        """Produces the answer and its end; whatever upstream and database do, there is one."""
        producing = self._producing = asyncio.ensure_future(self._produce())
        if self._stop_reason:
            producing.cancel()
        try:
            await asyncio.wait({producing})
        finally:
            if not producing.done():
                producing.cancel()
            self._ticket.release()
        outcome, written = await self._closing.write(lambda: self._outcome(producing))
        self._closing.publish(outcome, written)
        self._runner.ended(self, written)
        if written.won:
            observability.answered(self._answer(outcome))

    def _answer(self, outcome: Outcome) -> observability.Answer:
        asked = outcome.attempts[-1].provider if outcome.attempts else self.job.targets[0].provider
        return observability.Answer(
            generation=self.job.generation,
            door=outcome.door,
            status=outcome.status,
            model=outcome.model,
            provider=asked,
            finish_reason=outcome.finish_reason,
            error_code=outcome.error_code,
            reason=outcome.reason,
            reference=outcome.reference,
            conversation=outcome.conversation,
            timings=outcome.timings,
            attempts=outcome.attempts,
        )

    async def _produce(self) -> Ended:
        await wait_turn(self._ticket, lambda position: self._event("queued", position=position))
        if self.job.queued:
            self._runner.spawn(self._mark_running())
            self.log.state = Status.RUNNING
        self._started_at = asyncio.get_running_loop().time()
        attempts = self._attempts
        try:
            await attempts.begin(self._started_at + settings.TOTAL_TIMEOUT)
            while True:
                ended = await self._read()
                if ended.error is None:
                    attempts.complete()
                    return ended
                if not await attempts.resume(ended.error):
                    return ended
        finally:
            await attempts.close()
            self._tally.flush()
            self.log.wake()

    async def _mark_running(self) -> None:
        try:
            await self._runner.writer.run(mark_running, self.job.generation, self.job.runner)
        except (DatabaseError, InterfaceError) as error:
            # The answer goes on all the same; its end will be written over this.
            logger.warning("generation %d still stands as queued: %s", self.job.generation, error)

    def _event(self, kind: str, **fields: Any) -> None:
        self.log.append_event(kind, **fields)
        self.log.wake()

    async def _read(self) -> Ended:
        """Sends what comes, from the first content on, until the stream is over or too slow."""
        loop = asyncio.get_running_loop()
        self._stream = self._attempts.stream
        self._last_content_at = loop.time()
        self._tally.flush()
        self.log.wake()
        if self._stop_reason or self._tally.full:
            raise asyncio.CancelledError
        if self._stream.ended is None:
            self._over = loop.create_future()
            self._runner.ticker.add(self)
            try:
                await self._over
            except UpstreamError as error:
                return Ended(None, False, error)
            finally:
                self._runner.ticker.discard(self)
        assert self._stream.ended is not None
        return self._stream.ended

    def listen(self) -> None:
        """Lets come in what the provider has sent since the last tick."""
        assert self._stream is not None
        self._stream.listen()

    def tick(self, now: float) -> None:
        """Reads what has arrived, sends it as one frame, watches the clocks and caps."""
        assert self._stream is not None
        assert self._over is not None
        if self._over.done():
            return
        try:
            if self._attempts.take():
                self._last_content_at = now
                self._tally.flush()
                self.log.wake()
            if self._stream.ended is not None:
                self._over.set_result(None)
            elif self._tally.full:
                self._over.cancel()
            elif (
                now - self._last_content_at > settings.IDLE_TIMEOUT
                or now - self._started_at > settings.TOTAL_TIMEOUT
            ):
                self._over.set_exception(UpstreamError("upstream_timeout", broke_off=True))
            else:
                self._stream.rest()
        except Exception as error:
            self._over.set_exception(error)

    def _outcome(self, produced: asyncio.Task[Ended]) -> Outcome:
        """What became of it: the table of protocol.md."""
        error: BaseException | None = None
        if not produced.cancelled() and (error := produced.exception()) is None:
            error = produced.result().error
        tally = self._tally
        if self._failed:
            status, code, reason = Verdict(Status.ERROR, "internal")
        else:
            status, code, reason = judge(
                stop_reason=self._stop_reason or ("answer_cap" if tally.full else ""),
                cancelled=produced.cancelled(),
                error=error,
                content=tally.chars > 0,
            )
        told = self.log.told()
        reference = self._report(status, code, error) if code else ""
        return Outcome(
            owner=self.job.owner,
            door=self.job.door,
            message=self.job.message,
            conversation=self.job.conversation,
            status=status,
            last_n=self.log.last_n,
            text=told.text,
            reasoning=told.reasoning,
            events=kept(told.events),
            finish_reason=tally.finish_reason,
            reason=reason,
            error_code=code,
            reference=reference,
            timings=self._timings(),
            model=self._attempts.answered_by.name,
            attempts=self._attempts.entries(status, code, told),
            reserved=self.job.reserved,
        )

    def _report(self, status: str, code: str, error: BaseException | None) -> str:
        """Logs what broke, without a word of the provider; returns the reference that the user is told."""
        reference = secrets.token_hex(4)
        # Of an upstream's error only code and status: its words may quote the prompt.
        detail = str(error) if isinstance(error, UpstreamError) else type(error).__name__
        unforeseen = None if error is None or isinstance(error, UpstreamError) else error
        if unforeseen is not None:
            # Nor what it came from: that may be an exception of the SDK, which quotes the provider, keys too.
            unforeseen.__cause__ = None
        arguments = (self.job.generation, status, code, reference, detail)
        logger.warning("generation %d ended in %s (%s), reference %s: %s", *arguments, exc_info=unforeseen)
        return reference

    def _timings(self) -> dict[str, int]:
        now = asyncio.get_running_loop().time()
        timings = {
            "queued": round((self._started_at - self._accepted_at) * 1000),
            "total": round((now - self._accepted_at) * 1000),
        }
        if (first := self._attempts.first_token_at) is not None:
            timings["first_token"] = round((first - self._accepted_at) * 1000)
        if (thinking := self._tally.thinking) is not None:
            timings["reasoning"] = round(thinking * 1000)
        return timings
