"""One request to one provider: its stream, its times, and its line in the ledger."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..upstream.stream import UpstreamStream
from ..upstream.target import Target
from ..upstream.types import ChatRequest, Usage
from .ledger import Attempt
from .livelog import Told
from .prompt import estimate_messages, estimate_tokens

if TYPE_CHECKING:
    from .runner import Runner


class Exchange:
    """A request and what comes of it. `said_before` are the lengths of text and reasoning when it began."""

    def __init__(
        self, runner: Runner, target: Target, request: ChatRequest, said_before: tuple[int, int]
    ) -> None:
        self.target = target
        self.stream: UpstreamStream | None = None
        #: Seconds of the loop's clock; None until then.
        self.first_token_at: float | None = None
        self.began_at = asyncio.get_running_loop().time()
        self._runner = runner
        self._request = request
        self._said_before = said_before
        self._refused = False

    async def open(self) -> UpstreamStream:
        """Sends the request; returns when the provider has begun to respond. Raises `UpstreamError`."""
        self._refused = False
        try:
            self.stream = await self._runner.open(self.target, self._request)
        except Exception:
            self._refused = True
            raise
        return self.stream

    async def close(self) -> None:
        """Closes the connection; idempotent."""
        if self.stream is not None:
            self._runner.release(self.target)
            stream, self.stream = self.stream, None
            await asyncio.shield(stream.aclose())

    def entry(self, status: str, code: str, told: Told, usage: Usage | None, repeated: str = "") -> Attempt:
        """Its line in the ledger. What was refused cost nothing.

        `usage` is what the provider has counted, `repeated` what it sent that was said already.
        """
        now = asyncio.get_running_loop().time()
        first = self.first_token_at
        return Attempt(
            provider=self.target.provider,
            model=self.target.model,
            status=status,
            error_code=code,
            usage=usage or self._guess(told, repeated),
            estimated=usage is None and not self._refused,
            tariff=self.target.tariff,
            first_token_ms=None if first is None else self._since(first),
            total_ms=self._since(now),
        )

    def _guess(self, told: Told, repeated: str) -> Usage:
        if self._refused:
            return Usage(0, 0)
        text, reasoning = self._said_before
        said = told.text[text:] + told.reasoning[reasoning:] + repeated
        messages: list[dict[str, Any]] = self._request.messages
        return Usage(estimate_messages(messages), estimate_tokens(said) if said else 0)

    def _since(self, moment: float) -> int:
        return round((moment - self.began_at) * 1000)
