"""Responses that are made while they are read, so that a million rows take no memory; under WSGI and ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import islice

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

#: Pieces that are put together for one write.
BATCH = 500


def streamed(
    request: HttpRequest, pieces: Iterator[str], content_type: str, name: str
) -> StreamingHttpResponse:
    """A download called `name` of what `pieces` yields."""
    body = _aside(pieces) if isinstance(request, ASGIRequest) else _batches(pieces)
    response = StreamingHttpResponse(body, content_type=f"{content_type}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


def _batches(pieces: Iterator[str]) -> Iterator[bytes]:
    while batch := "".join(islice(pieces, BATCH)):
        yield batch.encode(errors="replace")


async def _aside(pieces: Iterator[str]) -> AsyncIterator[bytes]:
    """The same from an event loop: rows are read in the thread of the request."""
    batches = _batches(pieces)
    while batch := await sync_to_async(lambda: next(batches, b""))():
        yield batch
