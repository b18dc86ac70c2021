"""What `watch` needs from the database: which generations there are, and how the ended ones ended."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Q

from .. import protocol
from ..models import LIVE, Conversation, Generation, Owner, Role
from ..serializing import end_frame
from . import journal
from .livelog import LiveLog


class Sight(msgspec.Struct):
    """One generation as `watch` found it in the database."""

    generation: int
    status: str
    last_n: int

    @property
    def is_live(self) -> bool:
        return self.status in LIVE


class View(msgspec.Struct):
    """A conversation as `watch` found it."""

    conversation: UUID
    revision: int
    generations: list[Sight]


def look(owner: Owner, conversation: UUID, seen: Collection[int]) -> View | None:
    """The conversation, its live generations and those in `seen` that are its own; None: not the owner's."""
    mine = (
        Conversation.objects.for_owner(owner)
        .filter(pk=conversation)
        .values_list("revision", flat=True)
        .first()
    )
    if mine is None:
        return None
    rows = Generation.objects.filter(
        Q(status__in=LIVE) | Q(pk__in=list(seen)), message__conversation=conversation
    ).order_by("pk")
    sights = [Sight(*row) for row in rows.values_list("pk", "status", "last_n")]
    return View(conversation, mine, sights)


class Stored(msgspec.Struct):
    """An ended generation, as frames: `begin`, `snapshot` (numbered `last_n`) and `end`."""

    last_n: int
    begin: str
    snapshot: str
    end: str
    #: Whether the message holds anything: this generation may have ended without a frame behind others.
    holds: bool = False


#: What `stored` says of a generation that has not ended yet.
LIVE_YET = Stored(-1, "", "", "")


def stored(pk: int) -> Stored | None:
    """The frames of a generation that has ended; None when it is gone, `LIVE_YET` before its end."""
    generation = Generation.objects.select_related("message").filter(pk=pk, message__isnull=False).first()
    if generation is None or generation.message is None:
        return None
    if generation.status in LIVE:
        return LIVE_YET
    message = generation.message
    text = _cut(message.content, generation.text_length)
    before = message.generations.filter(pk__lt=pk).order_by("-pk").first()
    begin = protocol.Begin(
        generation=pk,
        message=message.pk,
        conversation=message.conversation_id,
        model=generation.model,
        text_length=before.text_length if before else 0,
        crc32=before.crc32 if before else 0,
    )
    snapshot = protocol.Snapshot(
        generation=pk,
        n=generation.last_n,
        message=message.pk,
        text=text,
        reasoning=message.reasoning,
        events=message.steps,
        state=generation.status,
    )
    end = end_frame(generation, message.conversation_id)
    frames = (protocol.encode(begin), protocol.encode(snapshot), protocol.encode(end))
    return Stored(generation.last_n, *frames, holds=bool(text or message.reasoning or message.steps))


def _cut(text: str, length: int) -> str:
    """The first `length` UTF-16 units: a later `continue` may have added to the message."""
    if protocol.utf16_length(text) <= length:
        return text
    return text.encode("utf-16-le")[: 2 * length].decode("utf-16-le")


class Elsewhere(msgspec.Struct):
    """A generation that another process writes, as its journal tells it."""

    generation: int
    fields: dict[str, Any]
    frames: list[str]


def elsewhere(pk: int) -> Elsewhere | None:
    """A live generation read from the journal, to be followed with `tail`; None when it has ended."""
    generation = (
        Generation.objects.filter(pk=pk, status__in=LIVE, message__isnull=False)
        .select_related("message__conversation")
        .first()
    )
    if generation is None or generation.message is None:
        return None
    message = generation.message
    fields = {
        "owner": message.conversation.belongs_to,
        "conversation": message.conversation_id,
        "message": message.pk,
        "model": generation.model,
        "base": message.content,
        "base_reasoning": message.reasoning,
        "base_events": list(message.steps),
    }
    return Elsewhere(pk, fields, journal.read(pk))


def tail(after: dict[int, int]) -> tuple[dict[int, list[str]], set[int]]:
    """New journalled frames of the generations in `after` ({generation: last n}), and which have ended."""
    live = set(Generation.objects.filter(pk__in=after, status__in=LIVE).values_list("pk", flat=True))
    return {pk: frames for pk, n in after.items() if (frames := journal.read(pk, n))}, set(after) - live


def live_in(conversations: Collection[UUID]) -> list[tuple[int, UUID]]:
    """(generation, conversation) of all live answers in these conversations."""
    rows = Generation.objects.filter(
        message__conversation__in=list(conversations), status__in=LIVE, message__role=Role.ASSISTANT
    )
    return list(rows.values_list("pk", "message__conversation_id"))


def new_log(found: Elsewhere) -> LiveLog:
    """A log of a generation elsewhere, filled with what its journal holds."""
    log = LiveLog(found.generation, **found.fields)
    for frame in found.frames:
        log.append(frame)
    return log
