"""Rows as the wire shows them, the same in the HTTP API and in frames."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from . import protocol
from .exceptions import SENTENCES
from .models import LIVE, Conversation, Feedback, Generation, Message, Status


def error_object(code: str, reference: str = "") -> protocol.WireError | None:
    """The error of an answer, or None where it had none."""
    if not code:
        return None
    return protocol.WireError(code, str(SENTENCES.get(code, SENTENCES["internal"])), reference or None)


def message_object(
    message: Message, generation: Generation | None, feedback: Feedback | None = None
) -> dict[str, Any]:
    """One message; `generation` is its last one. A running one is empty here and filled by `watch`."""
    live = generation is not None and generation.status in LIVE
    return {
        "id": message.pk,
        "parent": message.parent_id,
        "role": message.role,
        "text": "" if live else message.content,
        "reasoning": "" if live else message.reasoning,
        "status": generation.status if generation is not None and live else message.status,
        "model": message.model,
        "pinned": message.pinned,
        "generation": generation.pk if generation is not None else None,
        "n": -1 if live or generation is None else generation.last_n,
        "error": error_object(generation.error_code, generation.reference)
        if generation is not None
        else None,
        "finish_reason": (generation.finish_reason or None) if generation is not None else None,
        "reason": (generation.reason or None) if generation is not None else None,
        "events": [] if live else message.steps,
        "usage": usage_of(generation),
        "cost": cost_of(generation),
        "timings": generation.timings if generation is not None else {},
        "feedback": feedback_object(feedback) if feedback is not None else None,
        "created": message.created,
    }


def feedback_object(feedback: Feedback) -> dict[str, Any]:
    """An opinion as its giver sees it again."""
    return {"rating": feedback.rating, "reasons": feedback.reasons, "comment": feedback.comment}


def usage_of(generation: Generation | None) -> protocol.WireUsage | None:
    """The tokens of a generation, or None where nobody counted them."""
    if generation is None or (generation.prompt_tokens is None and generation.completion_tokens is None):
        return None
    return protocol.WireUsage(generation.prompt_tokens, generation.completion_tokens, generation.estimated)


def cost_of(generation: Generation | None) -> str | None:
    """What a generation cost, as a decimal; None where it is not known."""
    return None if generation is None or generation.cost is None else f"{generation.cost:f}"


def with_state(conversations: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """Annotates what `state_of` needs."""
    live = Generation.objects.filter(message__conversation=OuterRef("pk"), status__in=LIVE)
    last = Message.objects.filter(conversation=OuterRef("pk")).order_by("-position").values("status")[:1]
    return conversations.annotate(is_live=Exists(live), last_status=Subquery(last))


def state_of(conversation: Any) -> str:
    """`running`, `failed` or `idle`, of a conversation that came through `with_state`."""
    if conversation.is_live:
        return "running"
    return "failed" if conversation.last_status == Status.ERROR else "idle"


def conversation_object(conversation: Conversation) -> dict[str, Any]:
    """One line of the list; of a conversation that came through `with_state`."""
    return {
        "id": conversation.pk,
        "title": conversation.title,
        "model": conversation.model,
        "revision": conversation.revision,
        "state": state_of(conversation),
        "pinned": conversation.pinned,
        "archived": conversation.archived,
        "temporary": conversation.temporary,
        "unread": conversation.unread,
        "updated": conversation.updated,
    }


def end_frame(generation: Generation, conversation: Any = None) -> protocol.End:
    """The `end` of a generation that has ended, from its row."""
    return protocol.End(
        generation=generation.pk,
        n=generation.last_n + 1,
        message=generation.message_id,
        conversation=conversation,
        status=generation.status,
        finish_reason=generation.finish_reason or None,
        text_length=generation.text_length,
        crc32=generation.crc32,
        usage=usage_of(generation),
        cost=cost_of(generation),
        timings=generation.timings,
        error=error_object(generation.error_code, generation.reference),
        reason=generation.reason or None,
    )
