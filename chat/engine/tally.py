"""What one answer has said so far, on its way from deltas to numbered frames."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from .. import protocol
from ..upstream.types import Delta, Usage
from .livelog import LiveLog
from .steps import TOOL_DELTA

#: The text of one frame; what comes faster is cut into several.
MAX_FRAME_CHARS = 16 * 1024


class Tally:
    """Collects deltas between two ticks, counts them, and cuts the answer off at `max_chars`."""

    def __init__(self, log: LiveLog, max_chars: int) -> None:
        self._log = log
        self._max_chars = max_chars
        self._pending: list[tuple[bool, str] | list[dict[str, Any]]] = []
        #: Characters of text, reasoning and tool calls.
        self.chars = 0
        #: There was more than the cap allows; it was dropped.
        self.full = False
        #: When the first thought came, and the first word of the answer; of the monotonic clock.
        self._thought_at: float | None = None
        self._spoke_at: float | None = None
        self.restart()

    def restart(self) -> None:
        """Another request begins: what the one before told of itself is not this one's."""
        self.usage: Usage | None = None
        self.finish_reason = ""
        self.has_calls = False

    @property
    def thinking(self) -> float | None:
        """Seconds from the first thought to the first word, or until now; None when nothing was thought."""
        if self._thought_at is None:
            return None
        return max(0.0, (self._spoke_at or time.monotonic()) - self._thought_at)

    def add(self, delta: Delta) -> bool:
        """Takes a delta over; True when there was content in it."""
        if delta.usage is not None:
            self.usage = delta.usage
        if delta.finish_reason:
            self.finish_reason = delta.finish_reason
        if delta.reasoning:
            self._say(True, delta.reasoning)
        if delta.text:
            self._say(False, delta.text)
        if delta.tool_calls:
            self.has_calls = True
            self._call(delta.tool_calls)
        return delta.has_content

    def _say(self, reasoning: bool, text: str) -> None:
        room = self._max_chars - self.chars
        if len(text) > room:
            self.full = True
            text = text[:room]
            if not text:
                return
        self.chars += len(text)
        if reasoning:
            self._thought_at = self._thought_at or time.monotonic()
        else:
            self._spoke_at = self._spoke_at or time.monotonic()
        last = self._pending[-1] if self._pending else None
        if isinstance(last, tuple) and last[0] == reasoning:
            self._pending[-1] = (reasoning, last[1] + text)
        else:
            self._pending.append((reasoning, text))

    def _call(self, pieces: list[dict[str, Any]]) -> None:
        size = len(msgspec.json.encode(pieces))
        if size > self._max_chars - self.chars:
            self.full = True
            return
        self.chars += size
        last = self._pending[-1] if self._pending else None
        if isinstance(last, list):
            last += pieces
        else:
            self._pending.append(list(pieces))

    def flush(self) -> None:
        """Turns what is pending into numbered frames."""
        pending, self._pending = self._pending, []
        log = self._log
        for said in pending:
            if isinstance(said, list):
                log.append_event(TOOL_DELTA, calls=said)
                continue
            reasoning, text = said
            for start in range(0, len(text), MAX_FRAME_CHARS):
                part = text[start : start + MAX_FRAME_CHARS]
                log.append(protocol.text_frame(log.generation, log.last_n + 1, part, reasoning=reasoning))
