from __future__ import annotations

import gzip
import os
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

#: Types that get smaller; nothing in a static file is a secret that its size could tell.
_TEXTS = re.compile(r"text/|application/(javascript|json)|image/svg")
#: Bytes from which on it is worth the effort.
_WORTH = 1_000
GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class StaticMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc] # WhiteNoise is not typed
    """WhiteNoise for an ASGI server: pages pass without a change of thread, files leave in one piece.

    WhiteNoise's own response is a synchronous iterator, which Django collects under ASGI with a warning, and
    it compresses only what `collectstatic` has laid down; this site needs none, and compresses by itself.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        super().__init__(get_response)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        response: HttpResponseBase | Awaitable[HttpResponseBase] = super().__call__(request)
        if isinstance(response, HttpResponse) and iscoroutinefunction(self):
            return _as_coroutine(response)
        return response

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        answer = static_file.get_response(request.method, request.META)
        response = HttpResponse(status=int(answer.status))
        del response["Content-Type"]
        for name, value in answer.headers:
            response[name] = value
        if answer.file is not None:
            with answer.file as file:
                if answer.status == HTTPStatus.OK and _compress(request, response):
                    response.content = _compressed(file.name, os.fstat(file.fileno()).st_mtime_ns)
                    response["Content-Length"] = str(len(response.content))
                else:
                    response.content = file.read()
        return response


def _compress(request: HttpRequest, response: HttpResponse) -> bool:
    """Whether to send a whole file smaller than it is; says so in the response's headers."""
    if not _TEXTS.match(response.get("Content-Type", "")) or int(response["Content-Length"]) < _WORTH:
        return False
    patch_vary_headers(response, ["Accept-Encoding"])
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return False
    response["Content-Encoding"] = "gzip"
    return True


@lru_cache(maxsize=256)
def _compressed(path: str, modified: int) -> bytes:
    """The file as it was at that moment (nanoseconds of its time stamp), compressed once."""
    return gzip.compress(Path(path).read_bytes(), mtime=0)


async def _as_coroutine(response: HttpResponse) -> HttpResponse:
    return response
