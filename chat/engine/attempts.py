"""Getting an answer out of providers that may fail: what is tried again, and who is asked instead.

Before the first token a request may be repeated, and another provider be asked; nobody has seen anything
yet. After it the answer can only be continued, which is `resume`'s affair and each provider's own choice.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .. import protocol
from ..conf import settings
from ..models import Status
from ..upstream import choice
from ..upstream.errors import UpstreamError
from ..upstream.stream import UpstreamStream
from ..upstream.target import Target
from ..upstream.types import ChatRequest
from .choosing import reads
from .continuing import adapted, going_on
from .exchange import Exchange
from .ledger import Attempt
from .livelog import LiveLog, Told
from .orders import Job
from .prompt import estimate_messages
from .seam import Seam, anchor_of
from .tally import Tally

if TYPE_CHECKING:
    from .runner import Runner

#: How often one answer may be continued after it broke off.
MAX_JOINTS = 3


class Attempts:
    """The requests of one answer, one at a time: `begin`, then `take`, and `resume` when it broke off."""

    def __init__(self, runner: Runner, job: Job, log: LiveLog, tally: Tally) -> None:
        self._runner = runner
        self._job = job
        self._log = log
        self._tally = tally
        self._now = asyncio.get_running_loop().time
        self._total = float("inf")
        self._untried = list(job.targets)
        self._exchange: Exchange | None = None
        self._entries: list[Attempt] = []
        self._said = (len(job.base), len(job.base_reasoning))
        self._seam: Seam | None = None
        self._joints = 0
        #: Who answers, or is asked.
        self.target = job.targets[0]
        #: Of the loop's clock.
        self.first_token_at: float | None = None

    @property
    def stream(self) -> UpstreamStream:
        assert self._exchange is not None
        assert self._exchange.stream is not None
        return self._exchange.stream

    async def begin(self, deadline: float) -> None:
        """Returns with the first content, or the end of an answer without any, before that loop time.

        Raises the `UpstreamError` of who was asked last.
        """
        self._total = deadline
        target = self._preferred()
        if target is not self.target:
            self._event("fallback", model=target.name)
        while True:
            self._untried.remove(target)
            error = await self._ask(target)
            if error is None:
                return
            following = self._following() if choice.may_fall_back(error) else None
            if following is None:
                raise error
            target = following
            self._event("fallback", model=target.name, code=error.code)

    async def _ask(self, target: Target) -> UpstreamError | None:
        """Asks one provider, several times where that may help; the error that it leaves off with."""
        deadline = self._deadline(target)
        attempt = 1
        while True:
            error = await self._try(target, deadline)
            if error is None:
                return None
            pause = self._pause(target, error, attempt)
            if pause is None or self._now() + pause >= deadline:
                return error
            attempt += 1
            self._event(
                "retrying", seconds=round(pause, 1), attempt=attempt, model=target.name, code=error.code
            )
            await asyncio.sleep(pause)

    def _deadline(self, target: Target) -> float:
        """Until when its first token has to be there, whatever is tried."""
        own = settings.PROVIDERS[target.provider].FIRST_TOKEN_TIMEOUT
        return min(self._now() + (own or settings.FIRST_TOKEN_TIMEOUT), self._total)

    def _pause(self, target: Target, error: UpstreamError, attempt: int) -> float | None:
        """Seconds until the next attempt; None when there is none to be made."""
        provider = settings.PROVIDERS[target.provider]
        if attempt >= (provider.MAX_ATTEMPTS or settings.MAX_ATTEMPTS) or not choice.may_retry(error):
            return None
        pause = choice.pause(error, attempt, settings.RETRY_DELAY, settings.MAX_RETRY_AFTER)
        if pause is None or self._following() is None:
            return pause
        given_up = error.code != "upstream_rate_limited" and not self._runner.health.allows(target)
        return None if given_up or pause > choice.IMPATIENCE else pause

    def _preferred(self) -> Target:
        """Who was wanted, unless it is in trouble and another one is not."""
        usable = [target for target in self._untried if self._usable(target)]
        return usable[0] if usable else self._untried[0]

    def _following(self) -> Target | None:
        """Who may be asked instead."""
        return next((target for target in self._untried if self._usable(target)), None)

    def _usable(self, target: Target) -> bool:
        window = target.window
        fits = not window or estimate_messages(self._job.messages) < window
        return fits and self._runner.health.allows(target) and not self._runner.is_full(target)

    async def _try(self, target: Target, deadline: float, so_far: str = "") -> UpstreamError | None:
        """One request, until its first content; the error that it ended in instead."""
        if self._runner.is_full(target):
            return UpstreamError("upstream_rate_limited")
        health, began = self._runner.health, self._now()
        self.target = target
        self._exchange = self._new_exchange(target, so_far)
        self._tally.restart()
        health.asked(target)
        try:
            async with asyncio.timeout_at(deadline):
                await self._until_content(self._exchange)
        except TimeoutError:
            error = UpstreamError("upstream_timeout")
        except UpstreamError as caught:
            error = caught
        except BaseException:
            health.left(target)
            raise
        else:
            health.answered(target, self._now() - began)
            return None
        await self._fail(error)
        return error

    def _new_exchange(self, target: Target, so_far: str) -> Exchange:
        job, provider = self._job, reads(target)
        messages = adapted(job.messages, reads(job.targets[0]), provider)
        messages = going_on(messages, so_far or job.base, provider, anchor_of(so_far))
        request = ChatRequest(model=target.model, messages=messages, options=job.options)
        return Exchange(self._runner, target, request, self._said)

    async def _until_content(self, exchange: Exchange) -> None:
        stream = await exchange.open()
        while not self.take() and stream.ended is None:
            await stream.wait()
        if exchange.first_token_at is None and stream.ended is not None and stream.ended.error is not None:
            raise stream.ended.error

    def take(self) -> bool:
        """Takes over what has arrived; True when there was content in it. Raises `UpstreamError`."""
        assert self._exchange is not None
        content = False
        stream, seam = self.stream, self._seam
        for delta in stream.take():
            if seam is not None:
                content = content or delta.has_content
                delta = seam.joined(delta)
            content = self._tally.add(delta) or content
        if seam is not None and stream.ended is not None:
            self._tally.add(seam.rest())
        if content and self._exchange.first_token_at is None:
            self._exchange.first_token_at = self._now()
            if self.first_token_at is None:
                self.first_token_at = self._exchange.first_token_at
        return content

    def complete(self) -> None:
        """The answer came to its end."""
        self._runner.health.completed(self.target)

    async def resume(self, error: UpstreamError) -> bool:
        """Continues the answer that broke off with `error`; False when that is not to be, or nobody can."""
        broken = self.target
        self._give_up_holding_back()
        self._tally.flush()
        provider = settings.PROVIDERS[broken.provider]
        if not provider.FAILOVER or not choice.may_resume(error) or self._tally.has_calls:
            self._runner.health.failed(broken, error)
            return False
        so_far = self._log.told().text
        await self._fail(error)
        for target in (broken, *(other for other in self._job.targets if other is not broken)):
            if self._joints >= MAX_JOINTS or self._now() >= self._total:
                break
            if not self._usable(target):
                continue
            self._joints += 1
            self._seam = Seam(so_far, exact=settings.PROVIDERS[target.provider].ASSISTANT_PREFIX)
            if await self._try(target, self._deadline(target), so_far) is None:
                at = protocol.utf16_length(so_far)
                self._event("failover", at=at, **{"from": broken.name, "to": target.name})
                return True
        self.target = broken
        return False

    @property
    def answered_by(self) -> Target:
        """Who has said something; else whoever was wanted."""
        return self._job.targets[0] if self.first_token_at is None else self.target

    async def _fail(self, error: UpstreamError) -> None:
        """Ends the present request; the provider's health and the ledger learn of it."""
        exchange, self._exchange = self._exchange, None
        assert exchange is not None
        self._tally.flush()
        self._runner.health.failed(exchange.target, error)
        await exchange.close()
        told = self._log.told()
        status = Status.INTERRUPTED if exchange.first_token_at is not None else Status.ERROR
        self._enter(exchange, status, error.code, told)

    def _enter(self, exchange: Exchange, status: str, code: str, told: Told) -> None:
        repeated = self._seam.repeated if self._seam is not None else ""
        self._entries.append(exchange.entry(status, code, told, self._tally.usage, repeated))
        self._said = (len(told.text), len(told.reasoning))

    async def close(self) -> None:
        """Closes the connection; what arrived before is part of the answer."""
        if self._exchange is not None and self._exchange.stream is not None:
            with suppress(UpstreamError):
                self.take()
            self._give_up_holding_back()
            await self._exchange.close()

    def _give_up_holding_back(self) -> None:
        """Nothing more comes: what the seam could not decide on is part of the answer."""
        if self._seam is not None:
            with suppress(UpstreamError):
                self._tally.add(self._seam.rest())

    def _event(self, kind: str, **fields: Any) -> None:
        self._log.append_event(kind, **fields)
        self._log.wake()

    def entries(self, status: str, code: str, told: Told) -> list[Attempt]:
        """What the ledger gets to know at the end of the answer."""
        if self._exchange is not None:
            self._enter(self._exchange, status, code, told)
            self._exchange = None
        return self._entries
