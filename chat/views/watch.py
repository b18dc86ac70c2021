"""`api/watch/`: what a watching socket is sent, as a JSON list, for those who get no socket through."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_safe
from msgspec import Meta, Struct

from ..conf import settings
from ..engine import catchup
from ..engine.runner import Runner
from ..engine.running import runner_here
from ..exceptions import Refused
from ..models import Owner
from ..polling import Poll
from ..protocol import Seen
from ..sessions import Identity
from ..showing import report
from .doors import outside_transactions, owner_of, refusal

#: Seconds; proxies give up on a silent response after thirty or more.
MAX_WAIT = 25


class Query(Struct, forbid_unknown_fields=True):
    """The parameters; `seen` is JSON, as in the socket's `watch`."""

    conversation: UUID | None = None
    seen: str = "{}"
    because: Literal["gap", "checksum"] | None = None
    revision: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    #: Seconds to wait for something to be said.
    wait: Annotated[float, Meta(ge=0, le=MAX_WAIT)] = 0


@outside_transactions
@require_safe
async def watch(request: HttpRequest) -> HttpResponseBase:
    """With a conversation: `watching` and the frames after `seen`. Without: `ready`.

    It waits in the response's body, so that no thread of a synchronous middleware waits with it.
    """
    try:
        query, seen = _parse(request)
        owner, identity = await sync_to_async(_who)(request)
        runner = runner_here()
        if runner.draining:
            raise Refused("shutting_down", retry_after=2)
        if _is_full(runner, owner):
            raise Refused("rate_limited", retry_after=5)
        poll = Poll(runner, owner, identity)
        collect = await _collecting(poll, query, seen, request.user)
    except Refused as refused:
        return await sync_to_async(refusal)(refused)
    except (OperationalError, InterfaceError):
        return await sync_to_async(refusal)(Refused("unavailable", retry_after=2))
    response = StreamingHttpResponse(_body(poll, collect), content_type="application/json; charset=utf-8")
    response["Cache-Control"] = "no-store"
    return response


async def _collecting(
    poll: Poll, query: Query, seen: dict[int, int], user: Any
) -> Callable[[], Awaitable[list[str]]]:
    if query.conversation is None:
        return lambda: poll.greet(user, query.wait)
    view = await poll.runner.readers.run(catchup.look, poll.owner, query.conversation, seen)
    if view is None:
        raise Refused("not_found")
    if query.because is not None:
        report(poll.runner, query.because, query.conversation)
    return lambda: poll.watch(view, seen, query.because, query.revision, query.wait)


def _who(request: HttpRequest) -> tuple[Owner, Identity]:
    owner = owner_of(request)
    return owner, Identity(request.session.session_key or "", request.user.pk)


def _parse(request: HttpRequest) -> tuple[Query, dict[int, int]]:
    try:
        query = msgspec.convert(request.GET.dict(), Query, strict=False)
        return query, msgspec.json.decode(query.seen, type=Seen)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused("bad_frame") from None


def _is_full(runner: Runner, owner: Owner) -> bool:
    return runner.hub.count(owner) >= settings.MAX_SOCKETS_PER_USER


async def _body(poll: Poll, collect: Callable[[], Awaitable[list[str]]]) -> AsyncIterator[bytes]:
    if poll.runner.draining or _is_full(poll.runner, poll.owner):
        # So it has become since the view looked: what there is, without waiting.
        poll.shut(4012)
    with poll:
        # What there is is right; the next request learns that the database is away.
        with contextlib.suppress(DatabaseError, InterfaceError):
            await collect()
        yield f"[{','.join(poll.frames)}]".encode()
