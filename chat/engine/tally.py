"""What one answer has said so far, on its way from deltas to numbered frames."""

from __future__ import annotations

from .. import protocol
from ..upstream.types import Delta, Usage
from .livelog import LiveLog

#: The text of one frame; what comes faster is cut into several.
MAX_FRAME_CHARS = 16 * 1024


class Tally:
    """Collects deltas between two ticks, counts them, and cuts the answer off at `max_chars`."""

    def __init__(self, log: LiveLog, max_chars: int) -> None:
        self._log = log
        self._max_chars = max_chars
        self._pending: list[tuple[bool, str]] = []
        #: Characters of text and reasoning.
        self.chars = 0
        #: There was more than the cap allows; it was dropped.
        self.full = False
        self.usage: Usage | None = None
        self.finish_reason = ""

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
        return delta.has_content

    def _say(self, reasoning: bool, text: str) -> None:
        room = self._max_chars - self.chars
        if len(text) > room:
            self.full = True
            text = text[:room]
            if not text:
                return
        self.chars += len(text)
        if self._pending and self._pending[-1][0] == reasoning:
            self._pending[-1] = (reasoning, self._pending[-1][1] + text)
        else:
            self._pending.append((reasoning, text))

    def flush(self) -> None:
        """Turns what is pending into numbered frames."""
        pending, self._pending = self._pending, []
        log = self._log
        for reasoning, text in pending:
            for start in range(0, len(text), MAX_FRAME_CHARS):
                part = text[start : start + MAX_FRAME_CHARS]
                log.append(protocol.text_frame(log.generation, log.last_n + 1, part, reasoning=reasoning))
