"""The frames of one generation in memory, and who reads them.

A reader is a *cursor*: it holds its place in the list of frames, nothing is ever queued for it.
"""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

import msgspec

from .. import protocol
from ..models.owner import Owner


class Watcher(Protocol):
    """Somebody who reads logs: a socket, or a loop of the Python or HTTP door."""

    def wake(self) -> None:
        """Something new is in a log it watches; must not block."""


class Told(msgspec.Struct):
    """What the frames of a log say, put together again."""

    text: str
    reasoning: str
    events: list[dict[str, Any]]


class LiveLog:
    """All frames of one generation: `frames[n]` is frame n, `frames[0]` is `begin`.

    `base` and `base_reasoning` are what the message held before this generation began.
    """

    def __init__(
        self,
        generation: int,
        owner: Owner,
        *,
        conversation: UUID | None = None,
        message: UUID | None = None,
        model: str = "",
        base: str = "",
        base_reasoning: str = "",
        base_events: list[dict[str, Any]] | None = None,
    ) -> None:
        self.generation = generation
        self.owner = owner
        self.conversation = conversation
        self.message = message
        self.model = model
        self.base = base
        self.base_reasoning = base_reasoning
        self.base_events = base_events or []
        self.watchers: set[Watcher] = set()
        self.ended = False
        #: Set when the frames were dropped after the end: the database has it all.
        self.forgotten = False
        self.state = "running"
        #: Known at the end, of all attempts together.
        self.cached_tokens = self.reasoning_tokens = 0
        begin = protocol.Begin(
            generation=generation,
            message=message,
            conversation=conversation,
            model=model,
            text_length=protocol.utf16_length(base),
            crc32=protocol.checksum(base),
        )
        self.frames = [protocol.encode(begin)]

    @property
    def last_n(self) -> int:
        return len(self.frames) - 1

    def append(self, frame: str) -> None:
        """Adds the frame numbered `last_n + 1`; the watchers are woken by `wake`."""
        self.frames.append(frame)

    def append_event(self, kind: str, **fields: Any) -> None:
        """Adds an `event` as the next frame."""
        event = {"type": "event", "generation": self.generation, "n": self.last_n + 1, "kind": kind}
        self.append(protocol.encode({**event, **fields}))

    def wake(self) -> None:
        for watcher in self.watchers:
            watcher.wake()

    def end(self, frame: str, state: str) -> None:
        """Adds the last frame. Nothing comes after it."""
        self.state = state
        self.frames.append(frame)
        self.ended = True
        self.wake()

    def forget(self) -> None:
        """Gives the memory back once the end is in the database; late readers go there."""
        self.forgotten = True
        self.frames = []
        self.wake()

    def told(self) -> Told:
        """The message as all frames so far tell it, earlier generations included."""
        told = read(self.frames[1:])
        return Told(
            text=self.base + told.text,
            reasoning=self.base_reasoning + told.reasoning,
            events=[*self.base_events, *told.events],
        )

    def snapshot(self) -> tuple[int, str]:
        """A `snapshot` frame of everything before the end, with its n."""
        n = self.last_n - 1 if self.ended else self.last_n
        told = self.told()
        frame = protocol.Snapshot(
            generation=self.generation,
            n=n,
            message=self.message,
            text=told.text,
            reasoning=told.reasoning,
            events=told.events,
            state=self.state,
        )
        return n, protocol.encode(frame)


def read(frames: list[str]) -> Told:
    """Puts text, reasoning and events of encoded frames together again; `end` is passed over."""
    text: list[str] = []
    reasoning: list[str] = []
    events: list[dict[str, Any]] = []
    for frame in frames:
        decoded = msgspec.json.decode(frame)
        if isinstance(decoded, list):
            (reasoning if len(decoded) > 3 else text).append(decoded[2])
        elif decoded["type"] == "event":
            events.append(decoded)
    return Told(text="".join(text), reasoning="".join(reasoning), events=events)
