"""Requests of `v1/` that are larger than it takes, refused before they are read.

Django reads a whole body before it asks anybody what to do with it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from django.urls import reverse

from .views.completions.errors import too_large
from .views.completions.request import MAX_BODY

#: Seconds that a refused client gets to finish sending, and the bytes: many read no answer before that.
LINGER_SECONDS = 3.0
LINGER_BYTES = 128 * 1024 * 1024


class CappedBodies:
    """Passes requests on to `http`; those to `v1/` with at most `MAX_BODY` bytes."""

    def __init__(self, http: Any) -> None:
        self._http = http
        self._prefix = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not self._prefix:
            # The URLs can be reversed only after Django has been set up.
            self._prefix = reverse("llmchat:v1_models").removesuffix("models")
        if not scope["path"].removeprefix(scope.get("root_path", "")).startswith(self._prefix):
            await self._http(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if declared.isdigit() and int(declared) > MAX_BODY:
            await _refuse(receive, send)
            return
        body = _Counted(receive)
        await self._http(scope, body.receive, send)
        if body.too_large:
            await _refuse(receive, send)


class _Counted:
    """A body without a declared length; beyond the cap it looks to Django as if the client had gone."""

    def __init__(self, receive: Any) -> None:
        self._receive = receive
        self._size = 0
        self.too_large = False

    async def receive(self) -> Any:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        if self._size > MAX_BODY:
            self.too_large = True
            return {"type": "http.disconnect"}
        return message


async def _refuse(receive: Any, send: Any) -> None:
    """Answers at once, and drops what still comes for a moment instead of resetting the connection."""
    problem = too_large(MAX_BODY)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(problem.body)),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": problem.body, "more_body": True})
    dropped = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while dropped < LINGER_BYTES:
                message = await receive()
                dropped += len(message.get("body", b""))
                if not message.get("more_body"):
                    break
    # The server may have noticed meanwhile that the client is gone.
    with contextlib.suppress(OSError):
        await send({"type": "http.response.body", "body": b"", "more_body": False})
