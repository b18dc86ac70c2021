from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class StaticMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc] # WhiteNoise is not typed
    """WhiteNoise for an ASGI server: pages pass without a change of thread, files leave in one piece.

    WhiteNoise's own response is a synchronous iterator, which Django collects under ASGI with a warning.
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
            with answer.file:
                response.content = answer.file.read()
        return response


async def _as_coroutine(response: HttpResponse) -> HttpResponse:
    return response
