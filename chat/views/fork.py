"""`api/conversations/<uuid>/fork/`: a branch goes on as a conversation of its own."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import msgspec
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from msgspec import Struct

from .. import search
from ..engine.limits import check_pace_of_forks
from ..engine.submit import expiry
from ..exceptions import Refused
from ..models import LIVE, Conversation, Message
from ..serializing import conversation_object, with_state
from .api import tell
from .doors import json_response, owner_of, refusing

TITLE_CHARS = 200
#: Of a longer branch the copying would make others wait.
MAX_MESSAGES = 2_000
BATCH = 500


class Fork(Struct, forbid_unknown_fields=True):
    """Where to fork: the last message that the new conversation has."""

    message: UUID


@require_POST
@refusing
def fork(request: HttpRequest, conversation: UUID) -> HttpResponse:
    """A new conversation of the owner's with copies of all messages up to one: 201 and its line."""
    owner = owner_of(request)
    mine = Conversation.objects.for_owner(owner)
    source = mine.filter(pk=conversation).first()
    if source is None:
        raise Refused("not_found")
    try:
        wanted = msgspec.json.decode(request.body, type=Fork).message
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused("bad_frame") from None
    check_pace_of_forks(owner)
    with transaction.atomic():
        copy = _copy(source, _branch(source, wanted))
    row: Any = with_state(mine.filter(pk=copy.pk)).get()
    tell(owner, row)
    return json_response(conversation_object(row), status=201)


def _branch(source: Conversation, leaf: UUID) -> list[Message]:
    """The messages from the first one to `leaf`. Raises `Refused`: not there, too many, being written."""
    parents = dict(source.messages.values_list("pk", "parent"))
    if leaf not in parents:
        raise Refused("not_found")
    ids: list[UUID] = []
    at: UUID | None = leaf
    while at is not None:
        ids.append(at)
        at = parents[at]
    if len(ids) > MAX_MESSAGES:
        raise Refused("too_large", sentence=_("This conversation is too long to be forked."))
    found = source.messages.in_bulk(ids)
    if any(message.status in LIVE for message in found.values()):
        raise Refused("busy")
    return [found[pk] for pk in reversed(ids)]


def _copy(source: Conversation, branch: list[Message]) -> Conversation:
    title = _("%(title)s (fork)") % {"title": source.title} if source.title else ""
    copy = Conversation.objects.create(
        **source.belongs_to.fields,
        title=title[:TITLE_CHARS],
        model=source.model,
        system_prompt=source.system_prompt,
        preset=source.preset,
        options=source.options,
        content_type=source.content_type,
        object_id=source.object_id,
        metadata=source.metadata,
        temporary=source.temporary,
        expires_at=expiry() if source.temporary else None,
        revision=1,
    )
    parent: UUID | None = None
    messages = []
    for position, message in enumerate(branch):
        pk = uuid4()
        messages.append(
            Message(
                pk=pk,
                conversation=copy,
                parent_id=parent,
                role=message.role,
                content=message.content,
                reasoning=message.reasoning,
                steps=message.steps,
                pinned=message.pinned,
                status=message.status,
                model=message.model,
                position=position,
            )
        )
        parent = pk
    Message.objects.bulk_create(messages, batch_size=BATCH)
    if not copy.temporary:
        search.take(copy)
    return copy
