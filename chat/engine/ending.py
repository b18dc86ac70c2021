"""The end of an answer: one transaction, whose winner alone is heard."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.utils import timezone

from .. import search
from ..models import LIVE, Conversation, Generation, JournalChunk, Message, Owner
from ..prepared import Update
from ..protocol import End, checksum, utf16_length
from ..serializing import end_frame
from . import budgets
from .ledger import MAX_NAME, Attempt, record, settle, total_cost, total_usage
from .locks import END_LOCK_TIMEOUT, wait_briefly


class Outcome(msgspec.Struct):
    """How an answer ended, as the pump saw it. Text and reasoning are the whole message's.

    `message` and `conversation` are None for the stateless calls of the HTTP doors.
    """

    owner: Owner
    door: str
    message: UUID | None
    conversation: UUID | None
    status: str
    last_n: int
    text: str
    #: Who has answered: another one than was asked for, where that one failed.
    model: str
    reasoning: str = ""
    events: list[dict[str, Any]] = []
    finish_reason: str = ""
    reason: str = ""
    error_code: str = ""
    reference: str = ""
    timings: dict[str, int] = {}
    attempts: list[Attempt] = []
    #: Whether something may be reserved for it on a budget.
    reserved: bool = True


class Written(msgspec.Struct):
    """What stands in the database after the end: this outcome, or the one that was faster."""

    generation: Generation | None
    won: bool
    conversation: UUID | None = None
    revision: int = 0
    title: str = ""
    temporary: bool = False
    pinned: bool = False
    archived: bool = False
    #: Its owner has deleted the conversation meanwhile.
    deleted: bool = False


_end = Update(
    Generation,
    lambda pk, runner: Generation.objects.filter(pk=pk, runner=runner, status__in=LIVE),
    (
        *("model", "status", "last_n", "text_length", "crc32", "finish_reason", "reason", "error_code"),
        *("prompt_tokens", "completion_tokens", "estimated", "cost", "timings", "attempts", "reserved"),
        *("reference", "ended"),
    ),
)
_say = Update(
    Message,
    lambda pk: Message.objects.filter(pk=pk),
    ("content", "reasoning", "steps", "status", "model"),
)


def finish(generation_id: int, runner: UUID | None, outcome: Outcome) -> Written:
    """Writes the one end of a generation, if it is still live and `runner`'s.

    The text goes into the message, the attempts into the ledger, the conversation's revision rises.
    Returns what is true afterwards; `generation` is None when the row was deleted meanwhile.
    """
    settle(outcome.attempts)
    prompt_tokens, completion_tokens, estimated = total_usage(outcome.attempts)
    model = outcome.model[:MAX_NAME]
    values = {
        "model": model,
        "status": outcome.status,
        "last_n": outcome.last_n,
        "text_length": utf16_length(outcome.text),
        "crc32": checksum(outcome.text),
        "finish_reason": outcome.finish_reason[:32],
        "reason": outcome.reason,
        "error_code": outcome.error_code,
        "reference": outcome.reference,
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "estimated": estimated,
        "cost": total_cost(outcome.attempts),
        "timings": outcome.timings,
        "attempts": len(outcome.attempts),
        "reserved": 0,
        "ended": timezone.now(),
    }
    with transaction.atomic():
        wait_briefly(END_LOCK_TIMEOUT)
        if _end(values, pk=generation_id, runner=runner) == 0:
            return _written_by_others(generation_id, outcome)
        record(generation_id, outcome.owner, outcome.door, outcome.attempts)
        # Not read back: what the viewers are told of the row stands here.
        generation = Generation(pk=generation_id, message_id=outcome.message, **values)
        if outcome.message is None or outcome.conversation is None:
            _give_back(generation_id, outcome)
            return Written(generation, won=True)
        said = {"content": outcome.text, "reasoning": outcome.reasoning, "steps": outcome.events}
        _say({**said, "status": outcome.status, "model": model}, pk=outcome.message)
        state = _raise_revision(outcome.conversation, outcome)
        if outcome.text and not state.temporary:
            search.put(outcome.owner, search.Text(outcome.message, outcome.conversation, outcome.text))
        # Last, as many wait for the counters that they share.
        _give_back(generation_id, outcome)
        return Written(generation, True, outcome.conversation, *msgspec.structs.astuple(state))


def _give_back(generation: int, outcome: Outcome) -> None:
    """Gives back what was reserved on budgets, less what was used."""
    if outcome.reserved:
        prompt_tokens, completion_tokens, _estimated = total_usage(outcome.attempts)
        budgets.settle(generation, prompt_tokens + completion_tokens, total_cost(outcome.attempts))


class _State(msgspec.Struct):
    """What the owner's tabs are told of a conversation; the same fields as in `Written`."""

    revision: int = 0
    title: str = ""
    temporary: bool = False
    pinned: bool = False
    archived: bool = False
    deleted: bool = False


def _raise_revision(conversation: UUID, outcome: Outcome) -> _State:
    """Counts the end of an answer as a change of the conversation, which is unread from then on."""
    meta = Conversation._meta
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    pk = meta.pk.get_db_prep_value(conversation, connection)
    # By hand, since Django cannot return what it has updated: the end of an answer is worth the statement.
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {connection.ops.quote_name(meta.db_table)} SET revision = revision + 1, updated = %s,"
            " unread = %s, ended_status = %s, ended_error = %s WHERE id = %s"
            " RETURNING revision, title, temporary, pinned, archived, deleted_at",
            [now, True, outcome.status, outcome.error_code, pk],
        )
        row = cursor.fetchone() or (0, "", False, False, False, now)
    revision, title, temporary, pinned, archived, deleted = row
    # Compared here: asked for `deleted_at IS NOT NULL`, SQLite 3.40 says yes to a null in an added column.
    return _State(revision, title, bool(temporary), bool(pinned), bool(archived), deleted is not None)


def _written_by_others(generation_id: int, outcome: Outcome) -> Written:
    """The end that was faster, or none when the row is gone."""
    generation = Generation.objects.select_related("message__conversation").filter(pk=generation_id).first()
    if generation is None:
        # What was spent stays spent.
        record(generation_id, outcome.owner, outcome.door, outcome.attempts)
        _give_back(generation_id, outcome)
        # A journal tick may have come after the deletion.
        JournalChunk.objects.filter(generation=generation_id).delete()
    if generation is None or generation.message is None:
        return Written(generation, won=False)
    return _written(generation, generation.message.conversation, won=False)


def _written(generation: Generation, conversation: Conversation, *, won: bool) -> Written:
    return Written(
        generation,
        won,
        conversation.pk,
        conversation.revision,
        conversation.title,
        conversation.temporary,
        conversation.pinned,
        conversation.archived,
        conversation.deleted_at is not None,
    )


class Standing(msgspec.Struct):
    """Whether a generation still runs, and its end if it does not."""

    is_live: bool
    end: End | None = None


def look(owner: Owner, generation_id: int) -> Standing | None:
    """How a generation of `owner` stands; None when there is no such."""
    generation = (
        Generation.objects.filter(
            pk=generation_id, message__conversation__in=Conversation.objects.for_owner(owner)
        )
        .select_related("message")
        .first()
    )
    if generation is None or generation.message is None:
        return None
    if generation.status in LIVE:
        return Standing(is_live=True)
    return Standing(is_live=False, end=end_frame(generation, generation.message.conversation_id))


def mark_running(generation_id: int, runner: UUID) -> bool:
    """A queued answer's turn has come; False when it is no longer queued."""
    with transaction.atomic():
        wait_briefly()
        rows = Generation.objects.filter(pk=generation_id, runner=runner, status="queued")
        if not rows.update(status="running"):
            return False
        Message.objects.filter(generations=generation_id).update(status="running")
        return True
