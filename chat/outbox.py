"""What goes out of one socket: replies first, then what its cursors have not sent yet.

A socket holds no queue of frames. For each generation it holds a *cursor* into the log that all
share; the sending task takes the next frame from there when the client has room, so a slow or
stalled tab costs at most `WINDOW` bytes, whatever the server does with its write buffers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from uuid import UUID

from .engine.catchup import LIVE_YET, Stored, stored
from .engine.livelog import LiveLog
from .engine.runner import Runner

#: Bytes of answer frames that a client may leave unacknowledged.
WINDOW = 256 * 1024
#: Bytes of unnumbered frames that may wait while it does.
MAX_WAITING = 256 * 1024
#: Seconds a client may stay at its limit before it is sent away.
STALL_PATIENCE = 60.0
CLOSE_STALLED = 4408
#: Beyond so many missing frames a snapshot is cheaper for everybody.
MAX_REPLAY = 100
#: Replies that may wait for a client that does not read.
MAX_REPLIES = 1000
#: Seconds until an answer without a task, which others will have to end, is looked at again.
LOOK_AGAIN = 0.5


class Cursor:
    """A socket's place in one generation: what to send next, and what is not acknowledged yet."""

    def __init__(self, generation: int, conversation: UUID | None, log: LiveLog | None, next_n: int) -> None:
        self.generation = generation
        self.log = log
        self.conversation = conversation
        self.next_n = next_n
        self.begin = False
        self.snapshot = False
        #: The last frame has been taken; and: it has been sent.
        self.over = False
        self.done = False
        #: Loop time before which the database is not asked again.
        self.not_before = 0.0
        self._stored: list[tuple[int, str]] = []

    @property
    def ready(self) -> bool:
        """Whether there is something to send."""
        log = self.log
        if self.over:
            return False
        if log is None or log.forgotten:
            return asyncio.get_running_loop().time() >= self.not_before
        return self.begin or self.snapshot or self.next_n < len(log.frames)

    async def next(self, runner: Runner) -> tuple[int, str] | None:
        """The next frame with its n; None when there is none after all. Call only when `ready`."""
        log = self.log
        if log is not None and not log.forgotten:
            return self._from(log)
        if not self._stored:
            found = await runner.readers.run(stored, self.generation)
            if found is None:
                self.over = True
                return None
            if found is LIVE_YET:
                self.not_before = asyncio.get_running_loop().time() + LOOK_AGAIN
                return None
            self._stored = self._remaining(found)
        n, frame = self._stored.pop(0)
        self.next_n = n + 1
        self.over = not self._stored
        return n, frame

    def _from(self, log: LiveLog) -> tuple[int, str]:
        if self.begin:
            self.begin = False
            self.next_n = max(self.next_n, 1)
            return 0, log.frames[0]
        if self.snapshot:
            self.snapshot = False
            n, frame = log.snapshot()
            self.next_n = n + 1
            return n, frame
        n = self.next_n
        frame = log.frames[n]
        self.next_n = n + 1
        self.over = log.ended and self.next_n == len(log.frames)
        return n, frame

    def _remaining(self, found: Stored) -> list[tuple[int, str]]:
        """What an ended generation still owes to this cursor."""
        frames = [(found.last_n + 1, found.end)]
        told = self.next_n in (found.last_n + 1, found.last_n + 2) and not (self.begin and found.holds)
        if self.snapshot or not told:
            frames.insert(0, (found.last_n, found.snapshot))
        if self.begin:
            frames.insert(0, (0, found.begin))
        return frames


class Outbox:
    """The sending side of a socket. `send` writes one text frame, `close` ends the connection."""

    def __init__(
        self,
        runner: Runner,
        send: Callable[[str], Awaitable[None]],
        close: Callable[[int], None],
        window: int = WINDOW,
    ) -> None:
        self._runner = runner
        self._send = send
        self._close = close
        self._window = window
        self._news = asyncio.Event()
        self._replies: deque[str] = deque()
        #: Set while no reply waits or is being sent.
        self.replied = asyncio.Event()
        self.replied.set()
        self._waiting: deque[str] = deque()
        self._waiting_bytes = 0
        self._cursors: dict[int, Cursor] = {}
        #: Answer frames that were sent, in their order: generation, n and bytes. What is no longer followed
        #: stays in here; else a client could have frame after frame sent without taking one in.
        self._sent: deque[tuple[int, int, int]] = deque()
        self._unacknowledged = 0
        self._stalled: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """Something may have become sendable."""
        self._news.set()

    def reply(self, frame: str) -> None:
        """An answer to a command; goes out before anything else."""
        self._replies.append(frame)
        self.replied.clear()
        if len(self._replies) > MAX_REPLIES:
            self._close(CLOSE_STALLED)
        self._news.set()

    def notify(self, frame: str) -> None:
        """An unnumbered frame that nobody asked for; waits while the client has no room."""
        self._waiting.append(frame)
        self._waiting_bytes += len(frame)
        if self._waiting_bytes > MAX_WAITING:
            self._close(CLOSE_STALLED)
        self._news.set()

    def follows(self, generation: int) -> bool:
        """Whether this socket will see the end of that generation by itself."""
        cursor = self._cursors.get(generation)
        return cursor is not None and not cursor.done

    def attach(self, log: LiveLog) -> None:
        """Follows a generation from its `begin`."""
        if log.generation not in self._cursors:
            cursor = self._point(log.generation, log.conversation, log, 0)
            cursor.begin = True

    def follow(
        self, generation: int, conversation: UUID, log: LiveLog | None, seen: int, because: str | None
    ) -> None:
        """Answers `watch` for one generation: `log` is None for one that has ended long ago."""
        old = self._cursors.get(generation)
        if old is not None and old.log is log and not old.done and seen == old.next_n - 1 and because is None:
            return
        self._drop(generation)
        if seen >= 0:
            self._release(generation, seen)
            self._moved()
        cursor = self._point(generation, conversation, log, max(seen, 0) + 1)
        cursor.begin = seen < 0
        if seen < 0 and because is not None:
            cursor.snapshot = True
        if log is None or log.forgotten:
            return
        end = log.last_n if log.ended else None
        if seen == end:
            # It has all of it; the end is sent again all the same.
            cursor.next_n = seen
            return
        missing = log.last_n - max(seen, 0)
        if seen > log.last_n or missing > MAX_REPLAY or (seen < 0 and log.base):
            cursor.snapshot = True

    def _point(self, generation: int, conversation: UUID | None, log: LiveLog | None, next_n: int) -> Cursor:
        cursor = self._cursors[generation] = Cursor(generation, conversation, log, next_n)
        if log is not None:
            log.watchers.add(self)
        self._news.set()
        return cursor

    def drop(self, conversation: UUID) -> None:
        """Follows nothing of that conversation any more."""
        for generation, cursor in list(self._cursors.items()):
            if cursor.conversation == conversation:
                self._drop(generation)

    def _drop(self, generation: int) -> None:
        cursor = self._cursors.pop(generation, None)
        if cursor is not None:
            if cursor.log is not None:
                cursor.log.watchers.discard(self)
            self._news.set()

    def acknowledge(self, seen: dict[int, int]) -> None:
        """The client has applied these generations up to these frames."""
        for generation, n in seen.items():
            self._release(generation, n)
            cursor = self._cursors.get(generation)
            if cursor is not None and cursor.done and n >= cursor.next_n - 1:
                self._drop(generation)
        self._moved()

    def _release(self, generation: int, n: int) -> None:
        """Frame `n` has arrived, and with it all that was sent before it."""
        sent = self._sent
        for place in range(len(sent) - 1, -1, -1):
            if sent[place][0] == generation and sent[place][1] <= n:
                for _ in range(place + 1):
                    self._unacknowledged -= sent.popleft()[2]
                return

    @property
    def unacknowledged(self) -> int:
        """Bytes of answer frames sent and not acknowledged."""
        return self._unacknowledged

    def _moved(self) -> None:
        if self._stalled is not None and self._unacknowledged < self._window:
            self._stalled.cancel()
            self._stalled = None
        self._news.set()

    async def run(self) -> None:
        """Sends until it is cancelled or the connection is gone."""
        try:
            while True:
                await self.news()
                await self.flush()
        finally:
            self.close()

    def close(self) -> None:
        """Follows nothing any more."""
        for generation in list(self._cursors):
            self._drop(generation)
        if self._stalled is not None:
            self._stalled.cancel()

    async def news(self) -> None:
        """Returns when something may have become sendable."""
        await self._news.wait()
        self._news.clear()

    async def flush(self) -> None:
        """Sends what there is, as far as the client has room for it."""
        while True:
            if self._replies:
                await self._reply()
            elif self._unacknowledged >= self._window:
                self._stall()
                return
            elif self._waiting:
                frame = self._waiting.popleft()
                self._waiting_bytes -= len(frame)
                await self._send(frame)
            elif not await self._send_answers():
                return

    async def _send_answers(self) -> bool:
        """One frame of each cursor that has one; False when none had, or there is no room."""
        sent = False
        for cursor in [cursor for cursor in self._cursors.values() if cursor.ready]:
            if self._replies or self._waiting:
                return True
            if self._cursors.get(cursor.generation) is not cursor:
                continue
            item = await cursor.next(self._runner)
            if item is None and not cursor.over:
                asyncio.get_running_loop().call_later(LOOK_AGAIN, self.wake)
            if item is None or self._cursors.get(cursor.generation) is not cursor:
                continue
            n, frame = item
            size = len(frame) if frame.isascii() else len(frame.encode())
            while self._unacknowledged and self._unacknowledged + size > self._window:
                # Too large for what is left of the window: it waits until it fits or is alone.
                self._stall()
                self._news.clear()
                await self._news.wait()
                while self._replies:
                    await self._reply()
                if self._cursors.get(cursor.generation) is not cursor:
                    return True
            self._sent.append((cursor.generation, n, size))
            self._unacknowledged += size
            cursor.done = cursor.over
            await self._send(frame)
            sent = True
        return sent

    async def _reply(self) -> None:
        await self._send(self._replies.popleft())
        if not self._replies:
            self.replied.set()

    def _stall(self) -> None:
        if self._stalled is None:
            loop = asyncio.get_running_loop()
            self._stalled = loop.call_later(STALL_PATIENCE, self._close, CLOSE_STALLED)
