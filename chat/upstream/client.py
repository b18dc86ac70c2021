"""The way to the providers: one client of the SDK per endpoint."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any, cast

import httpx2
import msgspec
import openai

from .errors import UpstreamError, of_status, redact
from .stream import UpstreamStream
from .transport import RESPONSE, Transport
from .types import ChatRequest, Endpoint

_Key = tuple[str, str, tuple[tuple[str, str], ...], float]


class Clients:
    """The SDK's clients for one event loop, each made when its endpoint is first used."""

    def __init__(self) -> None:
        self._clients: dict[_Key, openai.AsyncOpenAI] = {}

    async def open(self, endpoint: Endpoint, request: ChatRequest) -> UpstreamStream:
        """Asks for the completion; returns when the provider has begun to answer.

        Raises UpstreamError. There are no retries in here and no timeout but the connect timeout: who calls
        keeps the clocks. A cancelled call closes its connection at once.
        """
        secrets = (endpoint.api_key, *endpoint.headers.values())
        failure: UpstreamError | None = None
        try:
            # `chat.completions.create` costs ten times as much, in a typed walk through the messages.
            answer = await self._client(endpoint).post(
                "/chat/completions",
                cast_to=httpx2.Response,
                content=_body(request),
                options={"headers": _headers(endpoint)},
                stream=True,
                stream_cls=openai.AsyncStream[object],
            )
        except openai.APIStatusError as error:
            refusal = error.response
        except (openai.OpenAIError, httpx2.InvalidURL) as error:
            failure = UpstreamError("upstream_unreachable", log_detail=redact(repr(error), secrets))
        else:
            return UpstreamStream(
                cast("httpx2.Response", answer).extensions[RESPONSE],
                max_line_bytes=endpoint.max_line_bytes,
                max_event_bytes=endpoint.max_event_bytes,
                secrets=secrets,
                think_tags=endpoint.think_tags,
            )
        # Outside of the handler, so that no exception with the provider's words is chained to it.
        raise failure or of_status(refusal.status_code, refusal.headers, refusal.text, secrets)

    async def get(self, endpoint: Endpoint, path: str) -> httpx2.Response:
        """The response to a GET, its body unread. Raises what the SDK does."""
        answer = await self._client(endpoint).get(
            path,
            cast_to=httpx2.Response,
            options={"headers": {**_headers(endpoint), "Accept": "application/json"}},
            stream=True,
            stream_cls=openai.AsyncStream[object],
        )
        return cast("httpx2.Response", answer)

    async def aclose(self) -> None:
        """Closes all connections, also those in use."""
        clients = list(self._clients.values())
        self._clients.clear()
        for client in clients:
            await client.close()

    def _client(self, endpoint: Endpoint) -> openai.AsyncOpenAI:
        key = (endpoint.base_url, endpoint.api_key, tuple(endpoint.headers.items()), endpoint.connect_timeout)
        client = self._clients.get(key)
        if client is None:
            timeout = httpx2.Timeout(None, connect=endpoint.connect_timeout)
            client = self._clients[key] = _Client(
                # The SDK insists on a key; `_headers` keeps this one from being sent.
                api_key=endpoint.api_key or "none",
                base_url=endpoint.base_url,
                default_headers=endpoint.headers,
                max_retries=0,
                timeout=timeout,
                http_client=_HttpClient(
                    transport=Transport(), follow_redirects=False, timeout=timeout, trust_env=False
                ),
            )
        return client


class _Client(openai.AsyncOpenAI):
    """The SDK's client, which would put its one address together anew for each answer."""

    @cached_property
    def _addresses(self) -> dict[str, httpx2.URL]:
        return {}

    def _prepare_url(self, url: str) -> httpx2.URL:
        if url not in self._addresses:
            self._addresses[url] = super()._prepare_url(url)
        return self._addresses[url]


class _HttpClient(httpx2.AsyncClient):
    """httpx2's client, which would then take it apart again."""

    @cached_property
    def _addresses(self) -> dict[httpx2.URL | str, httpx2.URL]:
        return {}

    def _merge_url(self, url: httpx2.URL | str) -> httpx2.URL:
        if url not in self._addresses:
            self._addresses[url] = super()._merge_url(url)
        return self._addresses[url]


def _body(request: ChatRequest) -> bytes:
    body = {
        **request.options,
        "model": request.model,
        "messages": request.messages,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        # A lone surrogate, from a policy's own text; the standard library sends it as an escape.
        return json.dumps(body).encode()


def _headers(endpoint: Endpoint) -> dict[str, Any]:
    headers: dict[str, Any] = {
        "Accept": "text/event-stream",
        # Compression makes tokens wait for each other.
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
    }
    if not endpoint.api_key and not any(name.lower() == "authorization" for name in endpoint.headers):
        headers["Authorization"] = openai.Omit()
    return headers
