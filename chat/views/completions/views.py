"""`v1/chat/completions` and `v1/models`."""

from __future__ import annotations

import asyncio
import functools
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

import msgspec
from asgiref.sync import sync_to_async
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from ... import offering, protocol
from ...conf import settings
from ...engine.livelog import LiveLog
from ...engine.running import runner_here
from ...exceptions import Refused
from ...models import Owner
from ...policy import get_policy
from ..callers import Caller, caller, note_use
from ..doors import outside_transactions
from . import errors
from .chunks import DONE, ChunkEncoder, completion
from .errors import Problem
from .reading import Reading
from .request import MAX_BODY, CompletionRequest, parse

logger = logging.getLogger("llmchat")
View = Callable[..., Coroutine[Any, Any, HttpResponseBase]]
Response = TypeVar("Response", bound=HttpResponseBase)


def answering(*methods: str) -> Callable[[View], View]:
    """A view of this API: its methods, no CSRF token, and errors in OpenAI's shape."""

    def decorate(view: View) -> View:
        @outside_transactions
        @csrf_exempt
        @functools.wraps(view)
        async def wrapped(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
            if request.method not in methods:
                message = f"Not allowed to {request.method} on {request.path}."
                refusal = Problem(405, message, code="method_not_supported").response()
                refusal["Allow"] = ", ".join(methods)
                return refusal
            try:
                return await view(request, **kwargs)
            except Problem as problem:
                return problem.response()
            except (OperationalError, InterfaceError):
                refused = Refused("unavailable", retry_after=2)
            except Exception:
                # The host's page for errors is HTML, which no client of this API can read.
                logger.exception("a call of %s failed", request.path)
                refused = Refused("internal")
            return (await sync_to_async(errors.refused)(refused)).response()

        return wrapped

    return decorate


@answering("POST")
async def completions(request: HttpRequest) -> HttpResponseBase:
    """Answers the messages in the body: as a stream of chunks, or whole."""
    who, asked = await sync_to_async(_take_in)(request)
    note_use(who)
    reading = await _begin(who, asked)
    try:
        if not asked.stream:
            return await _whole(reading, [])
        # Until there is something to show, an error can still be an HTTP status.
        frames = await reading.until_content_or_later()
        if frames == []:
            await _raise_problem(reading)
    except BaseException:
        reading.leave()
        raise
    reading.rest()
    response = StreamingHttpResponse(
        _stream(reading, frames, usage=asked.wants_usage), content_type="text/event-stream; charset=utf-8"
    )
    # nginx would hold the stream back in its buffers.
    response["X-Accel-Buffering"] = "no"
    return _signed(response, reading)


@answering("GET", "HEAD")
async def models(request: HttpRequest) -> HttpResponseBase:
    """The models that the key's owner may name, the default one first."""
    names = await sync_to_async(_models)(request)
    return _json({"object": "list", "data": [_model_object(*pair) for pair in names]})


@answering("GET", "HEAD")
async def model(request: HttpRequest, model: str) -> HttpResponseBase:
    """One of them."""
    names = dict(await sync_to_async(_models)(request))
    if model not in names:
        raise await sync_to_async(errors.refused)(Refused("model_unavailable"), model)
    return _json(_model_object(model, names[model]))


@outside_transactions
@csrf_exempt
async def unknown(request: HttpRequest, rest: str) -> HttpResponse:
    """Every other address below `v1/`."""
    return Problem(404, f"Invalid URL ({request.method} {request.path}).", code="unknown_url").response()


def _take_in(request: HttpRequest) -> tuple[Caller, CompletionRequest]:
    who = _caller(request)
    body = request.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise errors.too_large(MAX_BODY)
    return who, parse(body)


def _caller(request: HttpRequest) -> Caller:
    def nobody(request: HttpRequest) -> Owner:
        # Not the session: a page of another site could use it.
        raise errors.missing_key()

    try:
        return caller(request, nobody)
    except Refused as refused:
        raise errors.refused(refused) from None


def _models(request: HttpRequest) -> list[tuple[str, str]]:
    """The names that the key's owner may use, and to which provider each belongs; aliases to none."""
    who, policy = _caller(request), get_policy()
    with offering.one_look():
        names = policy.get_models(who.user) or [policy.get_model(who.user)]
        aliases = policy.get_aliases(who.user)
        catalogue = offering.catalogue(who.user)
    found = {name: offer.target.provider if (offer := catalogue.find(name)) else "" for name in names if name}
    for name, members in aliases.items():
        if len(members) > 1 or name in settings.ALIASES:
            found.setdefault(name, "")
    return list(found.items())


def _model_object(name: str, owned_by: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": owned_by or "llmchat"}


def _json(data: Any) -> HttpResponse:
    response = HttpResponse(msgspec.json.encode(data), content_type="application/json")
    response["Cache-Control"] = "no-store"
    return response


async def _begin(who: Caller, asked: CompletionRequest) -> Reading:
    """Starts the answer. Raises `Problem`."""
    beginning = asyncio.ensure_future(_submit(who, asked))
    try:
        return Reading(await asyncio.shield(beginning))
    except asyncio.CancelledError:
        beginning.add_done_callback(_stop)
        raise
    except Refused as refused:
        raise await sync_to_async(errors.refused)(refused, asked.model) from None


async def _submit(who: Caller, asked: CompletionRequest) -> LiveLog:
    runner, call = runner_here(), asked.call()
    if not asked.is_kept:
        return await runner.intake.submit_stateless(who.owner, who.user, call)
    command = protocol.Send(
        id=uuid.uuid4(),
        text=asked.messages[-1].text,
        conversation=asked.conversation,
        model=asked.model,
    )
    submitted = await runner.intake.submit(who.owner, who.user, command, door=call.door, call=call)
    return runner.logs[submitted.accepted.generation]


def _stop(begun: asyncio.Future[LiveLog]) -> None:
    """Stops an answer whose client went before it had begun."""
    if not begun.cancelled() and begun.exception() is None:
        runner_here().stop(begun.result().generation, "user")


async def _whole(reading: Reading, frames: list[str]) -> HttpResponse:
    while more := await reading.more():
        frames += more
    await _raise_problem(reading)
    assert reading.end is not None
    return _signed(_json(completion(reading.heading, frames, reading.end)), reading)


async def _stream(reading: Reading, frames: list[str] | None, *, usage: bool) -> AsyncIterator[bytes]:
    encoder = ChunkEncoder(reading.heading, usage=usage)
    reading.resume()
    try:
        while frames is None:
            yield b": waiting for the model\n\n"
            frames = await reading.until_content_or_later()
        yield (encoder.first() + encoder.encode(frames)).encode()
        while frames := await reading.more():
            if chunks := encoder.encode(frames):
                yield chunks.encode()
        await _raise_problem(reading)
        assert reading.end is not None
        yield encoder.end(reading.end).encode() + DONE
    except Problem as problem:
        yield b"data: " + problem.body + b"\n\n"
    finally:
        reading.leave()


async def _raise_problem(reading: Reading) -> None:
    """Raises `Problem` when an answer that is over is not whole."""
    if (problem := await sync_to_async(errors.ended)(reading.end)) is not None:
        raise problem


def _signed(response: Response, reading: Reading) -> Response:
    """The response with what tells one answer from others, and finds it in the admin."""
    response["Cache-Control"] = "no-store"
    response["X-Request-Id"] = reading.heading.id
    return response
