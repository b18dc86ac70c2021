"""`api/conversations/`: the list, one conversation with its messages, rename, pin, archive, delete."""

from __future__ import annotations

import base64
import binascii
import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe
from msgspec import UNSET, Meta, Struct, UnsetType

from .. import protocol
from ..deletion import stop
from ..engine.running import runners
from ..exceptions import Refused
from ..models import Conversation, Feedback, Generation, Message, Owner
from ..serializing import conversation_object, message_object, state_of, with_state
from .doors import json_response, owner_of, refusing

PAGE = 50
MESSAGES_PAGE = 500


class Change(Struct, forbid_unknown_fields=True):
    """What a PATCH may change."""

    title: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    pinned: bool | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
    system_prompt: protocol.SystemPrompt | UnsetType = UNSET
    #: Replaces all of them.
    options: protocol.Options | UnsetType = UNSET


@require_safe
@refusing
def conversations(request: HttpRequest) -> HttpResponse:
    """The owner's conversations, the last changed first, fifty a page; `?archived=1` lists the archived."""
    archived = request.GET.get("archived") == "1"
    rows = Conversation.objects.for_owner(owner_of(request)).filter(archived=archived, temporary=False)
    if after := request.GET.get("after"):
        updated, pk = _cursor(after)
        rows = rows.filter(Q(updated__lt=updated) | Q(updated=updated, pk__gt=pk))
    page = list(with_state(rows).order_by("-updated", "id")[: PAGE + 1])
    following = None
    if len(page) > PAGE:
        page.pop()
        last = page[-1]
        mark = base64.urlsafe_b64encode(f"{last.updated.isoformat()} {last.pk}".encode()).decode()
        following = f"{reverse('llmchat:api_conversations')}?after={mark}" + (
            "&archived=1" if archived else ""
        )
    return json_response({"results": [conversation_object(row) for row in page], "next": following})


def _cursor(after: str) -> tuple[datetime.datetime, UUID]:
    try:
        updated, _, pk = base64.urlsafe_b64decode(after).decode().partition(" ")
        return datetime.datetime.fromisoformat(updated), UUID(pk)
    except (binascii.Error, ValueError):
        raise Refused("bad_frame") from None


@require_http_methods(["GET", "HEAD", "PATCH", "DELETE"])
@refusing
def conversation(request: HttpRequest, conversation: UUID) -> HttpResponse:
    """One conversation of the owner's."""
    owner = owner_of(request)
    row = with_state(Conversation.objects.for_owner(owner)).filter(pk=conversation).first()
    if row is None:
        raise Refused("not_found")
    if request.method == "PATCH":
        return _change(request, row, owner)
    if request.method == "DELETE":
        return _delete(row, owner)
    return json_response(_detail(row, owner, request.GET.get("after", "")))


def _detail(conversation: Any, owner: Owner, after: str) -> dict[str, Any]:
    messages = conversation.messages.order_by("position")
    if after:
        if not after.isdecimal() or len(after) > 9:
            raise Refused("bad_frame")
        messages = messages.filter(position__gt=int(after))
    ids = list(messages.values_list("pk", flat=True)[: MESSAGES_PAGE + 1])
    more, ids = len(ids) > MESSAGES_PAGE, ids[:MESSAGES_PAGE]
    # The generations first: an answer that ends between the two reads is then shown as running, and
    # `watch` completes it; the other way round its text would be missing.
    last: dict[UUID | None, Generation] = {}
    for generation in Generation.objects.filter(message__in=ids).order_by("pk"):
        last[generation.message_id] = generation
    page = list(messages.filter(pk__in=ids))
    opinions = {row.message_id: row for row in Feedback.objects.filter(message__in=ids, **owner.fields)}
    following = None
    if more and page:
        following = f"{reverse('llmchat:api_conversation', args=[conversation.pk])}?after={page[-1].position}"
    leaf = conversation.messages.order_by("-position").values_list("pk", flat=True).first()
    return {
        **conversation_object(conversation),
        "system_prompt": conversation.system_prompt,
        "options": conversation.options,
        "leaf": leaf,
        "messages": [
            message_object(message, last.get(message.pk), opinions.get(message.pk)) for message in page
        ],
        "next": following,
    }


def _change(request: HttpRequest, row: Any, owner: Owner) -> HttpResponse:
    try:
        change = msgspec.json.decode(request.body, type=Change)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused("bad_frame") from None
    values = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not UNSET}
    if "title" in values:
        values["title"] = values["title"].replace("\0", "").strip()
        if not values["title"]:
            raise Refused("bad_frame")
    if "system_prompt" in values:
        values["system_prompt"] = values["system_prompt"].replace("\0", "").strip()
    if "options" in values:
        if any("\0" in stop for stop in values["options"].stop or ()):
            raise Refused("bad_frame")
        values["options"] = values["options"].given()
    Conversation.objects.filter(pk=row.pk).update(**values, revision=F("revision") + 1)
    row.refresh_from_db(fields=["title", "pinned", "archived", "revision"])
    _tell(owner, row.pk, row.revision, row.title, state_of(row))
    return json_response(conversation_object(row))


def _delete(row: Any, owner: Owner) -> HttpResponse:
    pk = row.pk
    # Before the transaction: a flag set inside it would be seen by no other process.
    stop(Generation.objects.filter(message__conversation=pk))
    with transaction.atomic():
        # In the order in which an answer's end takes its rows: the other way round each would wait for
        # the other. Then whoever sends there at this moment is first, or is told that it is gone.
        answers = Message.objects.filter(conversation=pk).values("pk")
        list(
            Generation.objects.select_for_update()
            .filter(message__in=answers)
            .order_by("pk")
            .values_list("pk")
        )
        list(Conversation.objects.select_for_update().filter(pk=pk).values_list("pk"))
        row.delete()
    _tell(owner, pk, row.revision + 1, row.title, "deleted")
    return HttpResponse(status=204)


def _tell(owner: Owner, pk: UUID, revision: int, title: str, state: str) -> None:
    """Tells the owner's sockets in this process; others see it at their next look."""
    for runner in runners():
        runner.loop.call_soon_threadsafe(runner.tell_conversation, owner, pk, revision, title, state)
