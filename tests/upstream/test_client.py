"""Requests, and the answers that are none."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import time
from typing import Any, Literal

import pytest

from chat.testing.script import Fault, Script
from chat.testing.scripted_upstream import ScriptedUpstream
from chat.upstream import transport
from chat.upstream.client import Clients
from chat.upstream.errors import UpstreamError
from chat.upstream.types import ChatRequest, Delta, Endpoint

from .reading import ask, open_stream, read_all

KEY = "sk-live-0123456789abcdef"


async def refusal(clients: Clients, upstream: ScriptedUpstream, **endpoint: Any) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await open_stream(clients, upstream, **endpoint)
    return caught.value


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


async def test_the_request_is_a_streaming_completion_with_usage(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    endpoint = Endpoint(
        alias="a", base_url=scripted_upstream.base_url, api_key=KEY, headers={"X-Team": "blue"}
    )
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "¿Qué? 😀"}]
    options = {"temperature": 0.5, "tools": [{"type": "function"}], "stream": False, "model": "other"}
    request = ChatRequest(model="m-1", messages=messages, options=options)
    await read_all(await clients.open(endpoint, request))
    (seen,) = scripted_upstream.seen
    assert seen.path == "/v1/chat/completions"
    assert seen.body == {
        "model": "m-1",
        "messages": messages,
        "temperature": 0.5,
        "tools": [{"type": "function"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["x-team"] == "blue"
    assert seen.headers["content-type"] == "application/json"


async def test_a_base_url_with_a_path_and_a_slash_is_kept(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    await ask(clients, scripted_upstream, base_url=f"{scripted_upstream.base_url}/deep/")
    assert scripted_upstream.seen[0].path == "/v1/deep/chat/completions"


@pytest.mark.parametrize("from_environment", [None, "sk-from-the-environment"])
async def test_without_a_key_none_is_sent(
    from_environment: str | None,
    clients: Clients,
    scripted_upstream: ScriptedUpstream,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if from_environment:
        monkeypatch.setenv("OPENAI_API_KEY", from_environment)
    else:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    await ask(clients, scripted_upstream, api_key="")
    assert "authorization" not in scripted_upstream.seen[0].headers


async def test_a_header_may_replace_the_key(clients: Clients, scripted_upstream: ScriptedUpstream) -> None:
    await ask(clients, scripted_upstream, api_key="", headers={"Authorization": "Token abc"})
    assert scripted_upstream.seen[0].headers["authorization"] == "Token abc"


async def test_endpoints_do_not_share_their_keys(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    for key in ("k-one", "k-two", "k-one"):
        await ask(clients, scripted_upstream, api_key=key)
    sent = [seen.headers["authorization"] for seen in scripted_upstream.seen]
    assert sent == ["Bearer k-one", "Bearer k-two", "Bearer k-one"]


async def test_a_lone_surrogate_in_a_message_does_not_stop_the_request(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    endpoint = Endpoint(alias="a", base_url=scripted_upstream.base_url)
    request = ChatRequest(model="m", messages=[{"role": "user", "content": "a\ud83d"}])
    await read_all(await clients.open(endpoint, request))
    assert scripted_upstream.seen[0].body["messages"][0]["content"] == "a\ud83d"


async def test_proxies_of_the_environment_are_not_used(
    clients: Clients, scripted_upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    deltas, _ = await ask(clients, scripted_upstream)
    assert text_of(deltas) == Script().text


async def test_cookies_of_one_answer_are_not_sent_with_the_next(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(headers={"Set-Cookie": "who=alice; Path=/"}))
    await ask(clients, scripted_upstream)
    await ask(clients, scripted_upstream)
    assert "cookie" not in scripted_upstream.seen[1].headers


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "upstream_error"),
        (401, "upstream_auth"),
        (403, "upstream_auth"),
        (404, "model_unavailable"),
        (409, "upstream_error"),
        (418, "upstream_error"),
        (429, "upstream_rate_limited"),
        (500, "upstream_error"),
        (502, "upstream_error"),
        (503, "upstream_error"),
        (504, "upstream_error"),
    ],
)
async def test_a_refusal_is_raised_at_once_and_without_the_provider_s_words(
    status: int, code: str, clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    body = json.dumps({"error": {"message": f"Mr Smith may not use {KEY}", "type": "x"}})
    scripted_upstream.script(
        Script(status=status, body=body, content_type="application/json", headers={"Retry-After": "30"})
    )
    started = time.monotonic()
    error = await refusal(clients, scripted_upstream, api_key=KEY)
    assert time.monotonic() - started < 2
    assert (error.code, error.status, error.retry_after) == (code, status, 30)
    assert str(error) == f"{code} (HTTP {status})"
    assert "Mr Smith" in error.log_detail
    assert KEY not in error.log_detail
    assert (error.__cause__, error.__context__) == (None, None)
    # Retries are the caller's business.
    assert len(scripted_upstream.seen) == 1


async def test_a_prompt_that_is_too_long_is_said_to_be(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    body = '{"object":"error","message":"This model\'s maximum context length is 4096 tokens.","code":400}'
    scripted_upstream.script(Script(status=400, body=body, content_type="application/json"))
    assert (await refusal(clients, scripted_upstream)).code == "context_too_long"


async def test_a_redirect_is_not_followed(clients: Clients, scripted_upstream: ScriptedUpstream) -> None:
    with ScriptedUpstream() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            headers = {"Location": f"{elsewhere.base_url}/chat/completions"}
            scripted_upstream.script(Script(status=status, body="", headers=headers))
            assert (await refusal(clients, scripted_upstream)).code == "upstream_protocol"
        assert elsewhere.seen == []


@pytest.mark.parametrize("content_type", ["text/html", "text/html; charset=utf-8"])
async def test_a_page_of_html_is_unusable(
    content_type: str, clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(body="<!DOCTYPE html><html>Login</html>", content_type=content_type))
    deltas, ended = await ask(clients, scripted_upstream)
    assert deltas == []
    assert ended.error is not None
    assert (ended.error.code, ended.error.broke_off) == ("upstream_protocol", False)


@pytest.mark.parametrize("status", [200, 204])
async def test_an_empty_answer_is_no_answer(
    status: int, clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(status=status, body="", framing="close"))
    deltas, ended = await ask(clients, scripted_upstream)
    assert deltas == []
    assert ended.error is not None
    assert (ended.error.code, ended.error.broke_off) == ("upstream_protocol", True)


async def test_neither_key_nor_the_provider_s_words_are_logged(
    clients: Clients, scripted_upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    words = f"Mr Smith may not use {KEY}"
    scripted_upstream.script(
        Script(),
        Script(status=401, body=words),
        Script(fault="error_event", error={"message": words}),
        Script(body=f"data: {words}\n\n"),
    )
    for _ in range(4):
        with contextlib.suppress(UpstreamError):
            await ask(clients, scripted_upstream, api_key=KEY)
    assert len(scripted_upstream.seen) == 4
    assert "chat/completions" in caplog.text
    assert KEY not in caplog.text
    assert "Smith" not in caplog.text


async def test_an_unknown_compression_is_unusable(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(body="?", headers={"Content-Encoding": "br"}))
    assert (await refusal(clients, scripted_upstream)).code == "upstream_protocol"


@pytest.mark.parametrize("framing", ["chunked", "close"])
async def test_an_endless_error_body_is_not_read_to_its_end(
    framing: Literal["chunked", "close"], clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(status=500, count=200_000, framing=framing))
    assert (await refusal(clients, scripted_upstream)).code == "upstream_error"
    assert (await scripted_upstream.await_closed()).closed_by == "client"


async def test_an_error_body_that_does_not_end_is_not_waited_for(
    clients: Clients, scripted_upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "ERROR_BODY_SECONDS", 0.1)
    scripted_upstream.script(Script(status=429, body="slow", body_ends=False, headers={"Retry-After": "5"}))
    error = await refusal(clients, scripted_upstream)
    assert (error.code, error.retry_after, error.log_detail) == ("upstream_rate_limited", 5, "slow")
    assert (await scripted_upstream.await_closed()).closed_by == "client"


async def test_an_error_body_that_breaks_off_is_an_error_of_its_status(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(status=401, count=2, fault="reset", fault_at=2, pauses={2: 0.05}))
    assert (await refusal(clients, scripted_upstream)).code == "upstream_auth"


@pytest.mark.parametrize("fault", ["reset", "close"])
async def test_a_connection_lost_before_the_headers_is_unreachable(
    fault: Fault, clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(fault=fault, fault_at=-1))
    error = await refusal(clients, scripted_upstream)
    assert error.code == "upstream_unreachable"
    assert (error.__cause__, error.__context__) == (None, None)
    assert len(scripted_upstream.seen) == 1


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1:{closed}/v1",
        "https://127.0.0.1:{open}/v1",
        "http://no-such-host.invalid/v1",
        "http://",
        "no url",
        "ftp://127.0.0.1:{open}/v1",
        "http://127.0.0.1:99999/v1",
    ],
    ids=["refused", "no tls", "no such host", "no host", "no url", "another scheme", "no such port"],
)
async def test_what_cannot_be_reached_is_unreachable(
    base_url: str, clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    port = scripted_upstream.base_url.split(":")[2].split("/")[0]
    url = base_url.format(closed=closed_port(), open=port)
    error = await refusal(clients, scripted_upstream, base_url=url)
    assert error.code == "upstream_unreachable"
    assert (error.__cause__, error.__context__) == (None, None)


async def test_something_that_does_not_speak_http_is_unusable(clients: Clients) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"220 mail.example.org ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    with pytest.raises(UpstreamError, match="upstream_protocol"):
        await clients.open(Endpoint(alias="a", base_url=url), ChatRequest(model="m", messages=[]))
    server.close()
    await server.wait_closed()


async def test_a_handshake_that_is_not_answered_ends_with_the_connect_timeout(clients: Clients) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/v1"
        endpoint = Endpoint(alias="a", base_url=url, connect_timeout=0.2)
        started = time.monotonic()
        with pytest.raises(UpstreamError, match="upstream_unreachable"):
            await clients.open(endpoint, ChatRequest(model="m", messages=[]))
        assert time.monotonic() - started < 2


async def test_silence_after_the_connect_is_not_ended_by_the_client(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.script(Script(count=2, header_delay=0.5, first_delay=0.5, pauses={1: 0.5}))
    deltas, ended = await ask(clients, scripted_upstream, connect_timeout=0.1)
    assert ended.error is None
    assert text_of(deltas) == "token0 token1 "


async def test_a_hundred_and_fifty_streams_run_at_once(
    clients: Clients, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.default = script = Script(count=10, pauses={5: 1.0})
    answers = asyncio.gather(*(ask(clients, scripted_upstream) for _ in range(150)))
    await scripted_upstream.await_requests(150)
    assert scripted_upstream.live == 150
    assert {text_of(deltas) for deltas, _ in await answers} == {script.text}


async def test_closing_the_clients_closes_streams_in_use(scripted_upstream: ScriptedUpstream) -> None:
    scripted_upstream.script(Script(fault="hang"), Script(fault="hang", fault_at=-1))
    clients = Clients()
    stream = await open_stream(clients, scripted_upstream)
    opening = asyncio.create_task(open_stream(clients, scripted_upstream))
    await scripted_upstream.await_requests(2)
    await clients.aclose()
    await scripted_upstream.await_idle(1)
    assert {seen.closed_by for seen in scripted_upstream.seen} == {"client"}
    with pytest.raises(UpstreamError):
        await opening
    while stream.ended is None:
        await stream.wait()
        stream.take()
    assert stream.ended.error is not None
