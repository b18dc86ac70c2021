"""`api/messages/<uuid>/`: one message of the owner's, and whether the model always gets to read it."""

from __future__ import annotations

from uuid import UUID

import msgspec
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods
from msgspec import Struct

from .. import protocol
from ..engine.running import runners
from ..engine.targets import lock
from ..exceptions import Refused
from ..models import LIVE, Conversation, Feedback, Message
from ..serializing import message_object
from .doors import json_response, owner_of, refusing

#: Pinned messages of one conversation; all of them take room away from the rest.
MAX_PINNED = 20


class Change(Struct, forbid_unknown_fields=True):
    """What a PATCH may change."""

    pinned: bool


@require_http_methods(["PATCH"])
@refusing
def message(request: HttpRequest, message: UUID) -> HttpResponse:
    """Pins a message, or lets it go."""
    owner = owner_of(request)
    try:
        change = msgspec.json.decode(request.body, type=Change)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused("bad_frame") from None
    mine = Conversation.objects.for_owner(owner)
    row = Message.objects.filter(pk=message, conversation__in=mine).select_related("conversation").first()
    if row is None:
        raise Refused("not_found")
    with transaction.atomic():
        conversation = lock(row.conversation)
        _pin(row, change.pinned)
        conversation.revision += 1
        Conversation.objects.filter(pk=conversation.pk).update(revision=conversation.revision)
    opinion = Feedback.objects.filter(message=row, **owner.fields).first()
    shown = message_object(row, row.generations.order_by("-pk").first(), opinion)
    frame = protocol.encode(protocol.MessageChanged(conversation.pk, conversation.revision, shown))
    for runner in runners():
        runner.loop.call_soon_threadsafe(runner.hub.tell_watchers, conversation.pk, frame)
    return json_response(shown)


def _pin(row: Message, pinned: bool) -> None:
    # While it is being written it is shown from its frames, and a message would take their place.
    if row.generations.filter(status__in=LIVE).exists():
        raise Refused("busy")
    if pinned and row.conversation.messages.filter(pinned=True).exclude(pk=row.pk).count() >= MAX_PINNED:
        raise Refused("conflict", sentence=_("No more messages can be pinned in this chat."))
    Message.objects.filter(pk=row.pk).update(pinned=pinned)
    row.refresh_from_db()
