"""What a provider lists under `/models`, and what there is to say when it lists nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import httpx2
import msgspec
import openai

from .client import Clients
from .errors import UpstreamError, of_status, redact
from .storable import mend
from .transport import RESPONSE, disconnect
from .types import Endpoint

MAX_LIST_BYTES = 8 << 20
MAX_LISTED = 5000
SECONDS = 15.0
_MAX_NAME = 200
#: Under these names servers tell the size of the window.
_WINDOWS = ("context_length", "max_model_len", "context_window", "max_context_length", "max_input_tokens")


class Listed(msgspec.Struct, frozen=True):
    """One model of a provider; `context_tokens` is 0 where it does not say."""

    name: str
    context_tokens: int = 0


async def list_models(clients: Clients, endpoint: Endpoint, seconds: float = SECONDS) -> list[Listed]:
    """The models of a provider, in its order. Raises `UpstreamError`."""
    secrets = (endpoint.api_key, *endpoint.headers.values())
    try:
        async with asyncio.timeout(seconds):
            body = await _get(clients, endpoint)
    except TimeoutError:
        failure = UpstreamError("upstream_timeout")
    except openai.APIStatusError as error:
        refusal = error.response
        failure = of_status(refusal.status_code, refusal.headers, refusal.text, secrets)
    except (openai.OpenAIError, httpx2.InvalidURL, aiohttp.ClientError, OSError) as error:
        failure = UpstreamError("upstream_unreachable", log_detail=redact(repr(error), secrets))
    else:
        return parse(body)
    raise failure


async def _get(clients: Clients, endpoint: Endpoint) -> bytes:
    response = (await clients.get(endpoint, "/models")).extensions[RESPONSE]
    body = b""
    try:
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > MAX_LIST_BYTES:
                raise UpstreamError("upstream_protocol", log_detail="the list is too long")
    finally:
        disconnect(response)
    return body


def parse(body: bytes) -> list[Listed]:
    """The models of a response in OpenAI's shape, or one of its cousins. Raises `UpstreamError`."""
    try:
        # Not msgspec: a lone surrogate in one name would cost the whole list.
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    entries = told
    if isinstance(told, dict):
        entries = told.get("data", told.get("models"))
    if not isinstance(entries, list):
        raise UpstreamError("upstream_protocol", log_detail="no list of models")
    found: dict[str, Listed] = {}
    for entry in entries[:MAX_LISTED]:
        name = entry.get("id") or entry.get("name") if isinstance(entry, dict) else entry
        if isinstance(name, str) and name.strip() and len(name) <= _MAX_NAME:
            name = mend(name)
            found.setdefault(name, Listed(name, _window(entry)))
    return list(found.values())


def _window(entry: Any) -> int:
    if isinstance(entry, dict):
        for key in _WINDOWS:
            size = entry.get(key)
            if isinstance(size, int) and not isinstance(size, bool) and 0 < size < 2**31:
                return size
    return 0
