"""What passes between the doors, the submit transaction and the pump."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from ..models.owner import Owner
from ..protocol import Accepted, Creating
from ..upstream.health import Health
from ..upstream.target import Target


class Call(msgspec.Struct):
    """What a client of an HTTP door asks: all that the model reads, as it is sent, and further options."""

    messages: list[dict[str, Any]]
    door: str
    model: str = ""
    options: dict[str, Any] = {}
    #: Role and text of what was said before; written when the call begins a conversation.
    earlier: list[tuple[str, str]] = []
    #: False for what the engine wants to know: no message of its owner's, and in none of their places.
    asked_for: bool = True


class Order(msgspec.Struct):
    """What the engine needs to carry out one creating command."""

    owner: Owner
    user: Any
    command: Creating
    door: str
    runner: UUID
    health: Health
    #: For a call that is kept: what the model reads instead of the conversation.
    call: Call | None = None
    #: Whether there is no running slot left: the answer then begins as `queued`.
    queued: bool = False
    #: The owner's line is full.
    refused: bool = False
    #: `time.monotonic()` after which nobody waits for this any more.
    deadline: float = float("inf")


class Job(msgspec.Struct):
    """Everything the pump needs, so that it never has to ask the database."""

    generation: int
    owner: Owner
    door: str
    #: Whom to ask, the first one first.
    targets: tuple[Target, ...]
    #: As the first one wants to read them.
    messages: list[dict[str, Any]]
    options: dict[str, Any]
    #: Under whose name the row stands.
    runner: UUID
    abandon_after: float
    #: Whether its row says so; its turn may have come since.
    queued: bool = False
    #: Whether something is reserved for it on a budget.
    reserved: bool = False
    #: Messages of the conversation that the model does not get to read.
    left_out: int = 0
    conversation: UUID | None = None
    message: UUID | None = None
    base: str = ""
    base_reasoning: str = ""
    base_events: list[dict[str, Any]] = []


class Submitted(msgspec.Struct):
    """The answer to a command: what to reply and, unless it is a duplicate, what to run and to tell."""

    accepted: Accepted
    job: Job | None = None
    revision: int = 0
    title: str = ""
    temporary: bool = False
    pinned: bool = False
    archived: bool = False
    #: The new messages, as the HTTP API shows them.
    messages: list[dict[str, Any]] = []
