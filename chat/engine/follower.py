"""A log read by a loop of code instead of a socket: what the Python and HTTP doors use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from .livelog import LiveLog

End = dict[str, Any]


class Follower:
    """Reads one log from its beginning. As long as it exists, the answer counts as watched."""

    def __init__(self, log: LiveLog) -> None:
        self._log = log
        # Its own hold on the list: the log may be forgotten while the reader is slow.
        self._frames = log.frames
        self.generation = log.generation
        self._news = asyncio.Event()
        #: The `end` frame, once it has been read.
        self.end: End | None = None
        log.watchers.add(self)

    def wake(self) -> None:
        self._news.set()

    def close(self) -> None:
        """Stops watching; the answer goes on."""
        self._log.watchers.discard(self)

    async def texts(self) -> AsyncIterator[str]:
        """The answer's text, as it arrives and in what pieces it was sent."""
        n = 1
        log = self._log
        while True:
            self._news.clear()
            frames = self._frames[n:]
            n += len(frames)
            for frame in frames:
                decoded = msgspec.json.decode(frame)
                if isinstance(decoded, dict):
                    if decoded["type"] == "end":
                        self.end = decoded
                        return
                elif len(decoded) == 3:
                    yield decoded[2]
            if n < len(self._frames):
                continue
            if log.forgotten:
                return
            await self._news.wait()
