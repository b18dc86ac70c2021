"""`api/messages/<uuid>/feedback/`: what the reader thinks of an answer."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods
from msgspec import Meta, Struct

from ..engine.texts import prepared_note
from ..exceptions import Refused
from ..models import Conversation, Feedback, Message, Owner, Role
from ..serializing import feedback_object
from .doors import json_response, owner_of, refusing

MAX_COMMENT_CHARS = 2_000


class Opinion(Struct, forbid_unknown_fields=True):
    """What a PUT says; it replaces what was said before."""

    rating: Feedback.Rating
    reasons: Annotated[list[Feedback.Reason], Meta(max_length=len(Feedback.Reason))] = []
    comment: Annotated[str, Meta(max_length=MAX_COMMENT_CHARS)] = ""


@require_http_methods(["PUT", "DELETE"])
@refusing
def feedback(request: HttpRequest, message: UUID) -> HttpResponse:
    """PUT keeps the reader's opinion of one of their answers, DELETE takes it back."""
    owner = owner_of(request)
    answer = _answer(owner, message)
    given = Feedback.objects.filter(message=answer, **owner.fields)
    if request.method == "DELETE":
        given.delete()
        return HttpResponse(status=204)
    opinion = _opinion(request.body)
    comment = opinion.comment.replace("\0", "").strip()
    row, _created = Feedback.objects.update_or_create(
        message=answer,
        **owner.fields,
        defaults={
            "rating": opinion.rating,
            "reasons": sorted(set(opinion.reasons)),
            "comment": prepared_note(request.user, comment, answer.conversation),
            "handled_at": None,
            "handled_by": "",
        },
    )
    return json_response(feedback_object(row))


def _answer(owner: Owner, pk: UUID) -> Message:
    mine = Conversation.objects.for_owner(owner)
    message = Message.objects.select_related("conversation").filter(pk=pk, conversation__in=mine).first()
    if message is None:
        raise Refused("not_found")
    if message.role != Role.ASSISTANT:
        raise Refused("conflict")
    return message


def _opinion(body: bytes) -> Opinion:
    try:
        return msgspec.json.decode(body, type=Opinion)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused("bad_frame") from None
