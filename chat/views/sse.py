"""`api/chat`: a list of messages in, the answer as Server-Sent Events out, `[DONE]` at the end.

Stateless: nothing of it is kept but the generation's figures. When the client goes, the upstream is
closed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import msgspec
from asgiref.sync import sync_to_async
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from msgspec import Meta, Struct

from ..engine.follower import Follower
from ..engine.livelog import LiveLog
from ..engine.orders import Call
from ..engine.running import runner_here
from ..exceptions import SENTENCES, Refused
from ..models import Generation, Owner
from ..protocol import encode
from .callers import caller, note_use
from .doors import outside_transactions, owner_of, refusal, same_origin

MAX_BODY = 1024 * 1024


class ChatMessage(Struct):
    """One message of the request."""

    role: Literal["system", "user", "assistant"]
    content: Annotated[str, Meta(max_length=200_000)]


Messages = Annotated[list[ChatMessage], Meta(min_length=1, max_length=1000)]


@outside_transactions
@csrf_exempt
@require_POST
async def chat(request: HttpRequest) -> HttpResponseBase:
    """Streams the answer to a JSON list of messages, to the owner of a Bearer key or of the session.

    No CSRF token is asked for: the request must be JSON, which no form can send, and a browser's
    own word (`Sec-Fetch-Site`, else `Origin`) must say that it comes from this origin.
    """
    try:
        who = await sync_to_async(caller)(request, _owner)
        messages = _parse(request)
        note_use(who)
        call = Call(messages, Generation.Door.HTTP)
        log = await runner_here().intake.submit_stateless(who.owner, who.user, call)
    except Refused as refused:
        return await sync_to_async(refusal)(refused)
    except (OperationalError, InterfaceError):
        return await sync_to_async(refusal)(Refused("unavailable", retry_after=2))
    response = StreamingHttpResponse(_events(log), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    # nginx would hold the stream back in its buffers.
    response["X-Accel-Buffering"] = "no"
    return response


def _owner(request: HttpRequest) -> Owner:
    if not same_origin(request):
        raise Refused("forbidden")
    return owner_of(request)


def _parse(request: HttpRequest) -> list[dict[str, Any]]:
    if request.content_type != "application/json":
        raise Refused("bad_frame")
    if int(request.headers.get("Content-Length") or 0) > MAX_BODY:
        raise Refused("too_large")
    try:
        messages = msgspec.json.decode(request.body, type=Messages)
    except RequestDataTooBig:
        raise Refused("too_large") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused("bad_frame") from None
    if not messages[-1].content.strip() or any("\0" in message.content for message in messages):
        raise Refused("bad_frame")
    return [{"role": message.role, "content": message.content} for message in messages]


async def _events(log: LiveLog) -> AsyncIterator[bytes]:
    # Made here: of a response that is never read nothing would be closed.
    follower = Follower(log)
    try:
        lines = Lines()
        async for text in follower.texts():
            yield lines.event(text)
        yield lines.finish()
        end = follower.end
        if end is not None and end["status"] == "complete":
            yield b"data: [DONE]\n\n"
        else:
            error = (end or {}).get("error") or {"code": "internal", "message": str(SENTENCES["internal"])}
            yield f"event: error\ndata: {encode({'error': error})}\n\n".encode()
    finally:
        follower.close()
        if follower.end is None:
            runner_here().stop(log.generation, "user")


class Lines:
    """Text into events. A conforming reader gets it exactly, but for CR and CRLF, which become LF.

    Two things would break that and are kept apart: a CR at the end of one piece whose LF begins the
    next, and a line that reads `[DONE]`.
    """

    def __init__(self) -> None:
        self._held = ""

    def event(self, text: str) -> bytes:
        """The event, or events, that carry `text`."""
        text = self._held + text
        self._held = ""
        if text.endswith("\r"):
            text, self._held = text[:-1], "\r"
        return self._encode(text.replace("\r\n", "\n").replace("\r", "\n"))

    def finish(self) -> bytes:
        """What was held back."""
        held, self._held = self._held, ""
        return self._encode(held.replace("\r", "\n"))

    def _encode(self, text: str) -> bytes:
        if not text:
            return b""
        lines = text.split("\n")
        if "[DONE]" in lines:
            at = lines.index("[DONE]")
            before, after = "\n".join(lines[:at]), "\n".join(lines[at + 1 :])
            first = before + ("\n" if at else "") + "[DO"
            second = "NE]" + ("\n" + after if at + 1 < len(lines) else "")
            return self._encode(first) + self._encode(second)
        return ("".join(f"data: {line}\n" for line in lines) + "\n").encode()
