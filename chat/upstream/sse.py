"""Bytes to server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import msgspec

_BOM = b"\xef\xbb\xbf"


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event: its `event` field (empty when there was none) and its joined `data`."""

    name: bytes
    data: bytes


class EventSplitter:
    """Splits a stream that may be cut anywhere; holds at most one line and one event, each within its cap.

    Lines end at CR, LF or CRLF and nowhere else: U+2028 and its like are legal inside JSON. Beyond the
    standard, a line that begins like a JSON document or a page of HTML is an event of its own, because some
    providers put naked error bodies into a `text/event-stream`.
    """

    def __init__(self, max_line_bytes: int = 1 << 20, max_event_bytes: int = 1 << 20) -> None:
        self._max_line = max_line_bytes
        self._max_event = max_event_bytes
        self._max_plain = min(max_line_bytes, max_event_bytes)
        self._parts: list[bytes] = []
        self._held = 0
        self._after_cr = False
        self._at_start = True
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0
        #: A cap was exceeded: nothing more is split and nothing is held.
        self.overflowed = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        events: list[Event] = []
        if self.overflowed:
            return events
        if self._after_cr or b"\r" in data:
            data = self._with_newlines_only(data)
        if not (self._at_start or self._parts or self._data or self._name):
            data = self._take_plain(data, events)
        lines = data.split(b"\n")
        tail = lines.pop()
        if lines:
            if self._parts:
                self._parts.append(lines[0])
                lines[0] = b"".join(self._parts)
                self._parts.clear()
                self._held = 0
            for line in lines:
                if not self._take_line(line, events):
                    self._overflow()
                    return events
        if tail:
            self._parts.append(tail)
            self._held += len(tail)
            if self._held > self._max_line:
                self._overflow()
        return events

    def finish(self) -> list[Event]:
        """What stood without its closing blank line when the stream ended.

        The standard drops it, but servers are seen that end with a bare `data: [DONE]`.
        """
        events: list[Event] = []
        line = b"".join(self._parts)
        self._parts.clear()
        self._take_line(line, events)
        self._take_line(b"", events)
        return events

    def _take_plain(self, data: bytes, events: list[Event]) -> bytes:
        """Takes whole events of one `data` line, as nearly all are, from the front; returns the rest."""
        start = 0
        while (end := data.find(b"\n\n", start)) >= 0:
            if not data.startswith(b"data: ", start) or end - start > self._max_plain:
                break
            if data.find(b"\n", start, end) >= 0:
                break
            events.append(Event(b"", data[start + 6 : end]))
            start = end + 2
        return data[start:] if start else data

    def _with_newlines_only(self, data: bytes) -> bytes:
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            self._after_cr = False
        if data:
            self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _take_line(self, line: bytes, events: list[Event]) -> bool:
        """Adds the event that the line completes to `events`; says whether the caps are kept."""
        if self._at_start and line:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if not line:
            if self._data:
                data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                events.append(Event(self._name, data))
                self._data = []
                self._size = 0
            self._name = b""
            return True
        if len(line) > self._max_line:
            return False
        if line.startswith(b"data:") or line == b"data":
            value = line[6:] if line.startswith(b" ", 5) else line[5:]
            self._size += len(value) + 1
            self._data.append(value)
        elif line.startswith(b"event:"):
            self._name = line[6:].strip()
        elif line[0] in b"{<" and not self._data:
            events.append(Event(self._name, line))
        return self._size <= self._max_event

    def _overflow(self) -> None:
        self.overflowed = True
        self._parts.clear()
        self._data.clear()
        self._held = self._size = 0
