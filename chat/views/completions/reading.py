"""An answer as its one client reads it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ...engine.follower import Follower
from ...engine.livelog import LiveLog
from ...engine.running import runner_here
from .chunks import Heading, is_content
from .request import CONVERSATION

#: Proxies take a connection for dead that is silent for a minute.
PATIENCE_SECONDS = 15.0


class Reading:
    """An answer on its way to its one client; when that goes, the upstream is closed."""

    def __init__(self, log: LiveLog) -> None:
        self._log = log
        self._follower = Follower(log)
        self.more = self._follower.more
        metadata = {CONVERSATION: str(log.conversation)} if log.conversation is not None else {}
        self.heading = Heading(log.generation, int(time.time()), log.model, metadata)

    @property
    def end(self) -> dict[str, Any] | None:
        """The `end` frame, once it has been read, with all that is known of its usage."""
        end = self._follower.end
        if end is not None and end["usage"] is not None:
            end["usage"]["cached_tokens"] = self._log.cached_tokens
            end["usage"]["reasoning_tokens"] = self._log.reasoning_tokens
        return end

    async def until_content(self) -> list[str]:
        """The first frames with content in them; none when the answer ended before."""
        while frames := await self.more():
            if any(is_content(frame) for frame in frames):
                break
        return frames

    async def until_content_or_later(self) -> list[str] | None:
        """The same; None when there is none yet after `PATIENCE_SECONDS`."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self.until_content()
        except TimeoutError:
            return None

    def rest(self) -> None:
        """Counts as nobody for a moment: if the response is never read, the answer is given up."""
        self._follower.close()

    def resume(self) -> None:
        self._follower.open()

    def leave(self) -> None:
        """The client has gone, or has it all."""
        self._follower.close()
        if not self._follower.over:
            runner_here().stop(self.heading.generation, "user")
