"""`api/usage/`, `api/export/` and `api/account/`: what the chat has of somebody, for that somebody."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import AsyncIterator
from typing import IO, Any

import msgspec
from asgiref.sync import sync_to_async
from django.contrib.auth import logout
from django.db import InterfaceError, OperationalError
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe
from msgspec import Struct

from ..engine.budgets import standings
from ..exceptions import Refused
from ..models import Conversation, Message, Owner, Role, UsageRecord
from ..policy import get_policy
from ..rights import erase
from ..rights.export import export as export_all
from ..rights.people import describe
from ..rights.rules import Person
from .doors import json_response, outside_transactions, owner_of, refusal, refusing

DAYS = 30
CHUNK = 64 * 1024
#: Models of which the use is listed.
MODELS = 20


@require_safe
@refusing
def usage(request: HttpRequest) -> HttpResponse:
    """What the owner has used in the last thirty days, by model, and what is left of budgets."""
    owner = owner_of(request)
    since = timezone.now() - datetime.timedelta(days=DAYS)
    rows = (
        UsageRecord.objects.filter(**owner.fields, at__gte=since)
        .values("model")
        .annotate(
            requests=Count("pk"),
            prompt_tokens=Sum("prompt_tokens"),
            completion_tokens=Sum("completion_tokens"),
            cost=Sum("cost"),
        )
        .order_by("-requests")[:MODELS]
    )
    results = [{**row, "cost": None if row["cost"] is None else f"{row['cost']:f}"} for row in rows]
    return json_response({"days": DAYS, "results": results, "budgets": standings(owner, request.user)})


@outside_transactions
@require_safe
async def export(request: HttpRequest) -> HttpResponseBase:
    """Everything the chat has of its owner: JSON, or with `?format=markdown` the conversations to read."""
    markdown = request.GET.get("format") == "markdown"
    try:
        # Written down first: whoever reads slowly holds no connection of the database.
        file = await sync_to_async(_write)(request, markdown)
    except Refused as refused:
        return await sync_to_async(refusal)(refused)
    except (OperationalError, InterfaceError):
        return await sync_to_async(refusal)(Refused("unavailable", retry_after=2))
    kind, suffix = ("text/markdown", "md") if markdown else ("application/json", "json")
    response = StreamingHttpResponse(_chunks(file), content_type=f"{kind}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="chats-{timezone.now():%Y-%m-%d}.{suffix}"'
    response["Cache-Control"] = "no-store"
    return response


async def _chunks(file: IO[str]) -> AsyncIterator[bytes]:
    with file:
        while text := await sync_to_async(file.read)(CHUNK):
            yield text.encode()


def _write(request: HttpRequest, markdown: bool) -> IO[str]:
    owner = owner_of(request)
    file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 -- closed by its reader
    if markdown:
        _write_markdown(owner, file)
    else:
        export_all(_person(request, owner), describe(request.user if owner.user_id else None), file)
    file.seek(0)
    return file


def _write_markdown(owner: Owner, file: IO[str]) -> None:
    """All messages of all conversations, branches one after the other, the oldest first."""
    speakers = {Role.USER: _("You"), Role.ASSISTANT: _("Assistant")}
    messages = (
        Message.objects.filter(conversation__in=Conversation.objects.for_owner(owner), role__in=speakers)
        .select_related("conversation")
        .order_by("conversation__created", "conversation_id", "position")
    )
    last = None
    for message in messages.iterator(chunk_size=500):
        if message.conversation_id != last:
            last = message.conversation_id
            conversation = message.conversation
            file.write(f"# {conversation.title or _('Untitled')}\n\n{conversation.created:%Y-%m-%d}\n\n")
        file.write(f"## {speakers[Role(message.role)]}\n\n{message.content}\n\n")


def _person(request: HttpRequest, owner: Owner) -> Person:
    return Person(owner, request.user.get_username() if request.user.is_authenticated else "")


class Farewell(Struct, forbid_unknown_fields=True):
    """What a DELETE of the account says, so that nobody does it by mistake: the own name."""

    name: str


@require_http_methods(["DELETE"])
@refusing
def account(request: HttpRequest) -> HttpResponse:
    """Forgets the user and all that is theirs, where the site allows it, and signs them out."""
    owner = owner_of(request)
    user: Any = request.user
    if not get_policy().may_delete_account(user):
        raise Refused("forbidden")
    try:
        said = msgspec.json.decode(request.body, type=Farewell)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused("bad_frame") from None
    if said.name != user.get_username():
        raise Refused("conflict", sentence=_("That is not your name."))
    try:
        erase.erase(_person(request, owner))
    except (erase.Held, erase.StillRunning) as error:
        raise Refused("conflict", sentence=str(error)) from None
    logout(request)
    get_policy().delete_account(user)
    return HttpResponse(status=204)
