"""A log read by a loop of code instead of a socket: what the Python and HTTP doors use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from .livelog import LiveLog

End = dict[str, Any]


class Follower:
    """Reads one log from its beginning. While it is open, the answer counts as watched."""

    def __init__(self, log: LiveLog) -> None:
        self._log = log
        # Its own hold on the list: the log may be forgotten while the reader is slow.
        self._frames = log.frames
        self._next_n = 1
        self.generation = log.generation
        self._news = asyncio.Event()
        #: Nothing more will come.
        self.over = False
        #: The `end` frame, once it has been read; of an answer that could not be written there is none.
        self.end: End | None = None
        self.open()

    def open(self) -> None:
        """Watches, from the first moment on and again after `close`."""
        self._log.watchers.add(self)

    def close(self) -> None:
        """Stops watching; the answer goes on."""
        self._log.watchers.discard(self)

    def wake(self) -> None:
        self._news.set()

    async def more(self) -> list[str]:
        """The frames that came since the last call, but not `end`; none when the answer is over."""
        while not self.over:
            self._news.clear()
            frames = self._frames[self._next_n :]
            self._next_n += len(frames)
            if self._log.ended:
                self._look_for_end(frames)
            if frames:
                return frames
            if not self.over:
                await self._news.wait()
        return []

    def _look_for_end(self, frames: list[str]) -> None:
        if frames and frames[-1].startswith("{"):
            last = msgspec.json.decode(frames[-1])
            if last["type"] == "end":
                self.end = last
                frames.pop()
        self.over = self.end is not None or self._log.forgotten

    async def texts(self) -> AsyncIterator[str]:
        """The answer's text, as it arrives and in what pieces it was sent."""
        while frames := await self.more():
            for frame in frames:
                if frame.startswith("["):
                    decoded = msgspec.json.decode(frame)
                    if len(decoded) == 3:
                        yield decoded[2]
