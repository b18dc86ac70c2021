"""`api/conversations/`: the list, one conversation with its messages, and what can be done with it."""

from __future__ import annotations

import base64
import binascii
import datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import F, ProtectedError, Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods
from msgspec import UNSET, Meta, Struct, UnsetType

from .. import protocol, search
from ..conf import settings
from ..deletion import remove, stop
from ..engine.running import runners
from ..engine.submit import expiry
from ..engine.texts import prepared, prepared_note
from ..exceptions import Refused
from ..models import Conversation, Feedback, Generation, Owner
from ..serializing import conversation_object, message_object, state_of, with_state
from .doors import json_response, owner_of, refusing

PAGE = 50
MESSAGES_PAGE = 500
#: Conversations that are deleted in one statement, and those that other tabs are told of one by one.
BATCH = 500
MAX_TOLD = 1000

MAX_TITLE = 200

T = TypeVar("T")


class Change(Struct, forbid_unknown_fields=True):
    """What a PATCH may change."""

    title: Annotated[str, Meta(min_length=1, max_length=MAX_TITLE)] | UnsetType = UNSET
    pinned: bool | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
    unread: bool | UnsetType = UNSET
    #: True hides it everywhere, and false takes that back, as long as it is there.
    deleted: bool | UnsetType = UNSET
    #: A temporary one is kept by false.
    temporary: Literal[False] | UnsetType = UNSET
    system_prompt: protocol.SystemPrompt | UnsetType = UNSET
    #: Replaces all of them.
    options: protocol.Options | UnsetType = UNSET


class Everything(Struct, forbid_unknown_fields=True):
    """What a DELETE of the list says, so that nobody deletes everything by mistake."""

    all: Literal[True]


@require_http_methods(["GET", "HEAD", "DELETE"])
@refusing
def conversations(request: HttpRequest) -> HttpResponse:
    """The owner's conversations, pinned ones first, then the last changed, fifty a page.

    `?archived=1` lists the archived. DELETE with `{"all": true}` deletes all of them, archived and
    temporary ones too.
    """
    if request.method == "DELETE":
        return _delete_all(request)
    archived = request.GET.get("archived") == "1"
    rows = Conversation.objects.for_owner(owner_of(request)).filter(archived=archived, temporary=False)
    if after := request.GET.get("after"):
        pinned, updated, pk = _cursor(after)
        below = Q(updated__lt=updated) | Q(updated=updated, pk__gt=pk)
        rows = rows.filter(Q(pinned=pinned) & below | (Q(pinned=False) if pinned else Q(pk__in=[])))
    order = ("-pinned", "-updated", "id")
    # First which, then with their state: it must not be looked up for all that are sorted.
    ids = list(rows.order_by(*order).values_list("pk", flat=True)[: PAGE + 1])
    page = list(with_state(Conversation.objects.filter(pk__in=ids[:PAGE])).order_by(*order))
    following = None
    if len(ids) > PAGE and page:
        last = page[-1]
        place = f"{last.pinned:d} {last.updated.isoformat()} {last.pk}"
        mark = base64.urlsafe_b64encode(place.encode()).decode()
        following = f"{reverse('llmchat:api_conversations')}?after={mark}" + (
            "&archived=1" if archived else ""
        )
    return json_response({"results": [conversation_object(row) for row in page], "next": following})


def _cursor(after: str) -> tuple[bool, datetime.datetime, UUID]:
    try:
        pinned, updated, pk = base64.urlsafe_b64decode(after).decode().split(" ")
        moment = datetime.datetime.fromisoformat(updated).astimezone(datetime.UTC)
        return bool(int(pinned)), moment, UUID(pk)
    except (binascii.Error, ValueError, OverflowError):
        raise Refused("bad_frame") from None


@require_http_methods(["GET", "HEAD", "PATCH", "DELETE"])
@refusing
def conversation(request: HttpRequest, conversation: UUID) -> HttpResponse:
    """One conversation of the owner's."""
    owner = owner_of(request)
    row = with_state(Conversation.objects.for_owner(owner)).filter(pk=conversation).first()
    change = _parse(request, Change) if request.method == "PATCH" else None
    if row is None:
        deleted = with_state(Conversation.objects.deleted_by(owner)).filter(pk=conversation).first()
        if deleted is not None and change is not None and change.deleted is False:
            return _change(change, deleted, owner, request.user)
        return _missing(restorable=deleted is not None)
    if change is not None:
        return _change(change, row, owner, request.user)
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


def _missing(*, restorable: bool) -> HttpResponse:
    """Not here; `restorable` when its owner has deleted it and can still take that back."""
    refused = Refused("not_found")
    error = {"code": refused.code, "message": refused.sentence, "restorable": restorable}
    return json_response({"error": error}, 404)


def _parse(request: HttpRequest, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused("bad_frame") from None


def _change(change: Change, row: Any, owner: Owner, user: Any) -> HttpResponse:
    values = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not UNSET}
    if "title" in values:
        title = values["title"].replace("\0", "").strip()
        if not title:
            raise Refused("bad_frame")
        values["title"] = prepared(user, title, row)[:MAX_TITLE]
    if "system_prompt" in values:
        text = values["system_prompt"].replace("\0", "").strip()
        values["system_prompt"] = prepared_note(user, text, row)
    if "options" in values:
        if any("\0" in stop for stop in values["options"].stop or ()):
            raise Refused("bad_frame")
        values["options"] = values["options"].given()
    if "temporary" in values:
        values["expires_at"] = None
    if (deleted := values.pop("deleted", None)) is not None and deleted != (row.deleted_at is not None):
        values |= _buried(settings.UNDO_FOR) if deleted else _unburied(row, values)
    # Having looked at something is no change of it.
    if values.keys() - {"unread"}:
        values["revision"] = F("revision") + 1
    with transaction.atomic():
        Conversation.objects.filter(pk=row.pk).update(**values)
        row.refresh_from_db(fields=[field.attname for field in row._meta.concrete_fields])
        if "temporary" in values:
            search.take(row)
        elif "title" in values and not row.temporary:
            search.put(owner, search.Text(row.pk, row.pk, row.title))
    if row.deleted_at is not None:
        stop(Generation.objects.filter(message__conversation=row.pk))
    tell(owner, row)
    return json_response(conversation_object(row))


def _buried(undo_for: float) -> dict[str, Any]:
    now = timezone.now()
    return {"deleted_at": now, "expires_at": now + datetime.timedelta(seconds=undo_for)}


def _unburied(row: Any, values: dict[str, Any]) -> dict[str, Any]:
    temporary = row.temporary and "temporary" not in values
    return {"deleted_at": None, "expires_at": expiry() if temporary else None}


def _delete(row: Any, owner: Owner) -> HttpResponse:
    try:
        remove(row.pk)
    except ProtectedError:
        # Held by law: for its owner it is gone, and stays in the database.
        Conversation.objects.filter(pk=row.pk).update(**_buried(undo_for=0), revision=F("revision") + 1)
        stop(Generation.objects.filter(message__conversation=row.pk))
    row.deleted_at, row.revision = timezone.now(), row.revision + 1
    tell(owner, row)
    return HttpResponse(status=204)


def _delete_all(request: HttpRequest) -> HttpResponse:
    """Hides them at once; the housekeeping then deletes them one by one, however many there are."""
    owner = owner_of(request)
    _parse(request, Everything)
    now = timezone.now()
    mine = Conversation.objects.for_owner(owner)
    gone = list(mine.values_list("pk", flat=True))
    for start in range(0, len(gone), BATCH):
        Conversation.objects.filter(pk__in=gone[start : start + BATCH]).update(deleted_at=now, expires_at=now)
        stop(Generation.objects.filter(message__conversation__in=gone[start : start + BATCH]))
    for pk in gone[:MAX_TOLD]:
        _send(owner, protocol.ConversationChanged(pk, 0, "", "deleted"))
    return HttpResponse(status=204)


def tell(owner: Owner, row: Any) -> None:
    """Tells the owner's sockets in this process what became of a row that came through `with_state`."""
    state = "deleted" if row.deleted_at is not None else state_of(row)
    frame = protocol.ConversationChanged(
        row.pk,
        row.revision,
        row.title,
        state,
        temporary=row.temporary,
        pinned=row.pinned,
        archived=row.archived,
        unread=row.unread,
    )
    _send(owner, frame)


def _send(owner: Owner, frame: protocol.ConversationChanged) -> None:
    """Tells the owner's sockets in this process; others see it at their next look."""
    for runner in runners():
        runner.loop.call_soon_threadsafe(runner.tell_conversation, owner, frame)
