"""`api/commands/`: the socket's commands, for those whose network lets no socket through."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from .. import protocol
from ..engine import ending
from ..engine.running import runner_here
from ..engine.stopping import request_stop
from ..exceptions import Refused
from ..models import Owner
from .doors import json_response, outside_transactions, owner_of, refusal

#: How often, and how many times, a stopped answer is looked at before its end is left to `watch`.
LOOK_SECONDS = 0.1
LOOKS = 20


@outside_transactions
@require_POST
async def commands(request: HttpRequest) -> HttpResponse:
    """Carries out one command, and answers with the frame that answers it on a socket.

    A refusal has its `error` frame's fields beside the `error` object that all HTTP doors have.
    """
    id: UUID | None = None
    try:
        command = _parse(request)
        id = command.id
        owner = await sync_to_async(owner_of)(request)
        match command:
            case protocol.Send() | protocol.Edit() | protocol.Regenerate() | protocol.Continue():
                submitted = await runner_here().intake.submit(owner, request.user, command)
                return json_response(submitted.accepted)
            case protocol.Stop():
                end = await _stop(owner, command)
                return json_response(end) if end is not None else HttpResponse(status=204)
            case protocol.Ping():
                return json_response(protocol.Pong(id=protocol.echo(id)))
        raise Refused("unknown_type")
    except protocol.FrameError as error:
        return await _refuse(Refused(error.code), error.id)
    except Refused as refused:
        return await _refuse(refused, id)
    except (OperationalError, InterfaceError):
        return await _refuse(Refused("unavailable", retry_after=2), id)


def _parse(request: HttpRequest) -> protocol.Command:
    if request.content_type != "application/json":
        raise Refused("bad_frame")
    try:
        return protocol.parse(request.body)
    except RequestDataTooBig:
        raise Refused("too_large") from None


async def _stop(owner: Owner, command: protocol.Stop) -> protocol.End | None:
    """Stops an answer, whoever writes it; None when its end is still to come. Raises `Refused`."""
    runner = runner_here()
    for look in range(LOOKS):
        standing = await runner.readers.run(ending.look, owner, command.generation)
        if standing is None:
            raise Refused("not_found")
        if not standing.is_live:
            if standing.end is not None:
                standing.end.id = protocol.echo(command.id)
            return standing.end
        if look == 0:
            await runner.writer.run(request_stop, [command.generation], "user")
        await asyncio.sleep(LOOK_SECONDS)
    return None


async def _refuse(refused: Refused, id: UUID | None) -> HttpResponse:
    return await sync_to_async(_refusal)(refused, id)


def _refusal(refused: Refused, id: UUID | None) -> HttpResponse:
    plain = refusal(refused)
    frame: dict[str, Any] = {
        "type": "error",
        "code": refused.code,
        "message": refused.sentence,
        "error": {"code": refused.code, "message": refused.sentence},
    }
    if id is not None:
        frame["id"] = id
    if refused.retry_after is not None:
        frame["retry_after"] = refused.retry_after
    response = json_response(frame, plain.status_code)
    if "Retry-After" in plain:
        response["Retry-After"] = plain["Retry-After"]
    return response
