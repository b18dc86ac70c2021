"""The SDK's requests over aiohttp, whose buffer can be read without waking a task for every chunk."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextvars import ContextVar
from weakref import WeakSet

import aiohttp
import httpx2
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from .errors import UpstreamError, redact

#: The extension of httpx2's response under which `Transport` leaves aiohttp's.
RESPONSE = "aiohttp_response"
#: Bytes of an error's body that are read, and the seconds they may take.
MAX_ERROR_BODY = 16384
ERROR_BODY_SECONDS = 3.0
#: Flow control stops a provider that sends faster than it is read, at twice as many buffered bytes.
_READ_BUFFER = 1 << 16
#: Many servers close idle connections after five seconds; a request sent into that moment is lost.
_KEEP_ALIVE_SECONDS = 4.0
#: Bytes; pictures in a prompt make bodies of megabytes.
_LARGE_BODY = 1 << 18
_in_use: ContextVar[asyncio.Transport | None] = ContextVar("in_use", default=None)
#: Already undone by aiohttp, or (cookies) not to be carried from one user's answer to another's.
_NOT_PASSED_ON = frozenset({b"content-encoding", b"content-length", b"transfer-encoding", b"set-cookie"})


class Transport(httpx2.AsyncBaseTransport):
    """An httpx2 transport on one aiohttp session, made at the first request, for the loop it runs on.

    No limit of connections (who calls has one), no redirects, no cookies, no proxies from the environment, no
    timeout but the connect timeout. Raises UpstreamError when there is no response.
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._responses: WeakSet[aiohttp.ClientResponse] = WeakSet()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends the request; returns when the response's headers are in."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=_Connector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=_READ_BUFFER,
                trust_env=False,
            )
        connect = request.extensions.get("timeout", {}).get("connect")
        before = _in_use.set(None)
        try:
            response = await self._session.request(
                request.method,
                str(request.url),
                headers=request.headers,
                data=_data(request.content),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=connect, sock_connect=connect, sock_read=None
                ),
            )
        except asyncio.CancelledError:
            if (in_use := _in_use.get()) is not None:
                # aiohttp has closed it, but in the way of TLS, which waits for the provider to agree.
                in_use.abort()
            raise
        except aiohttp.ClientResponseError as error:
            failure = UpstreamError("upstream_protocol", log_detail=redact(str(error)))
        except (aiohttp.ClientError, OSError, RuntimeError, ValueError) as error:
            failure = UpstreamError("upstream_unreachable", log_detail=redact(repr(error)), broke_off=True)
        else:
            self._responses.add(response)
            headers = [pair for pair in response.raw_headers if pair[0].lower() not in _NOT_PASSED_ON]
            return httpx2.Response(
                response.status,
                headers=headers,
                stream=_ErrorBody(response),
                extensions={RESPONSE: response},
            )
        finally:
            _in_use.reset(before)
        # Outside of the handler, so that no exception with the provider's words is chained to it.
        raise failure

    async def aclose(self) -> None:
        """Closes all connections, also those in use."""
        for response in list(self._responses):
            disconnect(response)
        if self._session is not None:
            await self._session.close()


def _data(content: bytes) -> bytes | io.BytesIO | None:
    """The body in the shape in which aiohttp lets others have their turn while it writes a large one."""
    if len(content) > _LARGE_BODY:
        return io.BytesIO(content)
    return content or None


class _Connector(aiohttp.TCPConnector):
    """Tells which connection a request uses before there is a response to ask."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 -- it is aiohttp's method
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        _in_use.set(connection.transport)
        return connection


class _ErrorBody(httpx2.AsyncByteStream):
    """The beginning of an error's body: its size and time are not the sender's to choose."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        body = b""
        try:
            async with asyncio.timeout(ERROR_BODY_SECONDS):
                while len(body) < MAX_ERROR_BODY and (data := await self._response.content.readany()):
                    body += data
        except (aiohttp.ClientError, OSError):
            pass
        yield body[:MAX_ERROR_BODY]

    async def aclose(self) -> None:
        disconnect(self._response)


def disconnect(response: aiohttp.ClientResponse) -> None:
    """Closes the connection of a response that was not read to its end, without the courtesies of TLS."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()
