"""A title by a model, once, where `TITLE_MODEL` names one. Without, the first words of the question stay."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from django.db import DatabaseError, InterfaceError, transaction
from django.db.models import F

from .. import protocol, search
from ..conf import settings
from ..exceptions import Refused
from ..models import Conversation, Generation, Message, Owner, Status
from .follower import Follower
from .orders import Call
from .submit import title_of

if TYPE_CHECKING:
    from .runner import Runner

logger = logging.getLogger("llmchat.engine")

#: Characters of question and answer that the model gets to read, and of the title that is kept.
READ = 2_000
LONGEST = 80
TOKENS = 400
WISH = (
    "Give this conversation a title of at most six words, in its own language. "
    "Answer with the title alone: no quotes, no full stop.\n\n"
)


class Material(msgspec.Struct):
    """What a title is made from."""

    user: Any
    title: str
    text: str


async def give(runner: Runner, owner: Owner, conversation: UUID, message: UUID) -> None:
    """Asks for a title if that was the first answer and nobody has given one. What fails, fails silently."""
    try:
        material = await runner.readers.run(_material, owner, message)
        if material is None:
            return
        call = Call(
            door=Generation.Door.PYTHON,
            messages=[{"role": "user", "content": WISH + material.text}],
            model=settings.TITLE_MODEL,
            options={"max_tokens": TOKENS},
            asked_for=False,
        )
        follower = Follower(await runner.intake.submit_stateless(owner, material.user, call))
        try:
            said = "".join([text async for text in follower.texts()])
        finally:
            follower.close()
        if follower.end is None or follower.end["status"] != Status.COMPLETE or not (title := tidy(said)):
            return
        row = await runner.writer.run(_write, owner, conversation, material.title, title)
    except (Refused, DatabaseError, InterfaceError) as error:
        logger.info("a conversation keeps its first words as its title: %s", error)
        return
    if row is not None:
        running = any(pump.log.conversation == row.pk for pump in runner.pumps.values())
        frame = protocol.ConversationChanged(
            row.pk,
            row.revision,
            row.title,
            "running" if running else "idle",
            pinned=row.pinned,
            archived=row.archived,
        )
        runner.tell_conversation(owner, frame)


def tidy(said: str) -> str:
    """The title in what a model said: its last line that is not empty, without quotes and the like."""
    lines = [line for line in said.splitlines() if line.strip()]
    return lines[-1].strip(" \t*#\"'“”„«».")[:LONGEST].strip() if lines else ""


def _material(owner: Owner, message: UUID) -> Material | None:
    mine = Conversation.objects.for_owner(owner).filter(temporary=False)
    answer = (
        Message.objects.filter(pk=message, position=1, conversation__in=mine)
        .select_related("conversation__owner", "parent")
        .first()
    )
    if answer is None or answer.parent is None:
        return None
    question, title = answer.parent.content, answer.conversation.title
    if title != title_of(question):
        return None
    text = f"{question[:READ]}\n\n{answer.content[:READ]}"
    return Material(answer.conversation.owner, title, text)


def _write(owner: Owner, conversation: UUID, before: str, title: str) -> Conversation | None:
    """Unless somebody has given one meanwhile."""
    rows = Conversation.objects.for_owner(owner).filter(pk=conversation, title=before)
    with transaction.atomic():
        if not rows.update(title=title, revision=F("revision") + 1):
            return None
        row = Conversation.objects.get(pk=conversation)
        search.put(row.belongs_to, search.Text(row.pk, row.pk, title))
    return row
