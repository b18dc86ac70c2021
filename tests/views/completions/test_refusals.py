"""What `v1/` refuses, in OpenAI's shape, without a call where none is due."""

from __future__ import annotations

import asyncio
import datetime
import json
from typing import Any

import aiohttp
import pytest
from django.utils import timezone

from chat.models import ApiKey, Conversation
from chat.testing.script import Script
from chat.views.completions.request import MAX_BODY
from tests.insite import InSite

from .conftest import ASK, Api

SHAPE = {"message", "type", "param", "code"}


def error_of(body: Any) -> Any:
    assert set(body) == {"error"}
    assert set(body["error"]) == SHAPE
    assert len(body["error"]["message"]) > 10
    return body["error"]


WRONG = {
    "none": ("", None),
    "a session is none": ("", None),
    "unknown": ("Bearer sk-llmchat-unknown", "invalid_api_key"),
    "of another kind": ("Basic YTpi", None),
    "empty": ("Bearer ", "invalid_api_key"),
    "long": ("Bearer " + "x" * 5000, "invalid_api_key"),
    "of the provider": ("Bearer sk-canary-key-0123456789", "invalid_api_key"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_key_is_needed(api: Api, name: str) -> None:
    header, code = WRONG[name]
    session = await api.site.user("ada")
    cookies = {"sessionid": session} if name == "a session is none" else {}
    headers = {"Authorization": header} if header else {}
    async with aiohttp.ClientSession(cookies=cookies) as client:
        for method, path in (("POST", "chat/completions"), ("GET", "models"), ("GET", "models/scripted")):
            url = f"{api.url}/{path}"
            async with client.request(method, url, headers=headers, data=b"{") as response:
                error = error_of(await response.json())
                assert (response.status, error["type"]) == (401, "invalid_request_error")
                assert error["code"] == code
                assert response.headers["WWW-Authenticate"] == "Bearer"
    assert not api.site.upstream.seen


@pytest.mark.parametrize("how", ["revoked_at", "expires_at"])
async def test_a_key_that_was_good_is_refused(api: Api, how: str) -> None:
    assert (await api.ask())[0] == 200
    past = timezone.now() - datetime.timedelta(seconds=1)
    await api.site.db(ApiKey.objects.filter(pk=api.row.pk).update, **{how: past})
    status, body, _ = await api.ask()
    assert (status, error_of(body)["code"]) == (401, "invalid_api_key")
    assert len(api.site.upstream.seen) == 1


async def test_who_may_not_chat_is_told_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.policy.ChatPolicy.may_chat", lambda self, user: False)
    status, body, _ = await api.ask()
    assert (status, error_of(body)["code"]) == (403, "permission_denied")


def user(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model"),
    ({"model": ""}, "model"),
    ({"model": "a\0b"}, "model"),
    ({"messages": None}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": "hello"}, "messages"),
    ({"messages": ["hello"]}, "messages[0]"),
    ({"messages": [{"content": "hello"}]}, "messages[0].role"),
    ({"messages": [{"role": "root", "content": "hello"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": user(5)}, "messages[0].content"),
    ({"messages": user("a\0b")}, "messages[0].content"),
    ({"messages": user(["a"])}, "messages[0].content[0]"),
    ({"messages": [*user("x"), {"role": "tool", "content": "y"}]}, "messages[1].tool_call_id"),
    ({"temperature": 2.1}, "temperature"),
    ({"temperature": "hot"}, "temperature"),
    ({"top_p": -1}, "top_p"),
    ({"n": 2}, "n"),
    ({"n": 0}, "n"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_completion_tokens": 1.5}, "max_completion_tokens"),
    ({"presence_penalty": 3}, "presence_penalty"),
    ({"frequency_penalty": -3}, "frequency_penalty"),
    ({"logit_bias": {"1": 101}}, "logit_bias"),
    ({"stop": ["a"] * 5}, "stop"),
    ({"seed": "x"}, "seed"),
    ({"stream": "yes"}, "stream"),
    ({"stream_options": {"include_usage": True}}, "stream_options"),
    ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    ({"tools": [{}]}, "tools[0].type"),
    ({"tools": {}}, "tools"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tool_choice": "maybe"}, "tool_choice"),
    ({"response_format": {}}, "response_format.type"),
    ({"reasoning_effort": "extreme"}, "reasoning_effort"),
    ({"logprobs": True}, "logprobs"),
    ({"top_logprobs": 3}, "top_logprobs"),
    ({"functions": [{"name": "f"}]}, "functions"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"metadata": {"a": 1}}, "metadata"),
    ({"metadata": {"llmchat_conversation": "mine"}}, "metadata.llmchat_conversation"),
    (
        {"messages": [{"role": "assistant", "content": "x"}], "metadata": {"llmchat_store": "true"}},
        "messages",
    ),
]


@pytest.mark.chat(COMMANDS_PER_MINUTE=0)
async def test_impossible_parameters_are_named(api: Api) -> None:
    for given, param in IMPOSSIBLE:
        body = {name: value for name, value in (ASK | given).items() if value is not None}
        status, answer, _ = await api.post(body)
        error = error_of(answer)
        assert (status, error["type"]) == (400, "invalid_request_error"), given
        assert error["param"] is not None, (given, error)
        assert error["param"].startswith(param), (given, error)
        assert param.partition(".")[0] in error["message"]
    assert not api.site.upstream.seen


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"5",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"model": "m", "messages": [{"role": "user", "content": "\\ud800"}]}',
        json.dumps(ASK).encode() + b"x",
        b"model=scripted",
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(api: Api, body: bytes) -> None:
    status, answer, _ = await api.post(body)
    assert (status, error_of(answer)["type"]) == (400, "invalid_request_error")
    assert not api.site.upstream.seen


@pytest.mark.chat(
    PROVIDERS={"default": {"BASE_URL": "http://127.0.0.1:9/v1", "MODELS": ["scripted"]}}, MODEL="scripted"
)
async def test_an_unknown_model_is_not_found(api: Api) -> None:
    status, body, _ = await api.ask(model="gpt-99")
    error = error_of(body)
    assert (status, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert "gpt-99" in error["message"]
    status, body = await api.get("models/gpt-99")
    assert (status, error_of(body)["code"]) == (404, "model_not_found")


async def test_other_addresses_and_methods_are_answered_in_the_same_shape(api: Api) -> None:
    status, body = await api.get("embeddings")
    assert (status, error_of(body)["code"]) == (404, "unknown_url")
    status, body = await api.get("chat/completions")
    assert (status, error_of(body)["code"]) == (405, "method_not_supported")
    async with api.session.options(f"{api.url}/chat/completions", headers={"Origin": "null"}) as response:
        assert response.status == 405
        assert "Access-Control-Allow-Origin" not in response.headers


PROVIDER_FAULTS = {
    "429": (Script(status=429, body="{}"), 429, "rate_limit_exceeded"),
    "500": (Script(status=500, body="{}"), 502, "upstream_error"),
    "401": (
        Script(status=401, body='{"error": {"message": "sk-canary-key-0123456789"}}'),
        502,
        "upstream_auth",
    ),
    "404": (Script(status=404, body="{}"), 404, "model_not_found"),
    "html": (Script(content_type="text/html", body="<html>nginx"), 502, "upstream_protocol"),
    "redirect": (
        Script(status=302, headers={"Location": "http://169.254.169.254/"}, body=""),
        502,
        "upstream_protocol",
    ),
    "reset": (Script(fault="reset", fault_at=-1), 502, "upstream_unreachable"),
    "silent": (Script(fault="hang", fault_at=0), 504, "upstream_timeout"),
    "too long": (
        Script(status=400, body='{"error": {"code": "context_length_exceeded"}}'),
        400,
        "context_length_exceeded",
    ),
    "filtered": (Script(status=400, body='{"error": {"code": "content_filter"}}'), 400, "content_filter"),
}


@pytest.mark.chat(FIRST_TOKEN_TIMEOUT=2, RETRY_DELAY=0.02)
@pytest.mark.parametrize("name", PROVIDER_FAULTS)
async def test_a_fault_of_the_provider_before_the_first_token_has_a_status(api: Api, name: str) -> None:
    script, expected, code = PROVIDER_FAULTS[name]
    api.site.upstream.default = script
    for stream in (True, False):
        status, body, headers = await api.ask(stream=stream)
        assert (status, error_of(body)["code"]) == (expected, code)
        assert "canary" not in str(body)
        if expected == 429:
            assert int(headers["Retry-After"]) >= 1


async def test_a_fault_of_ours_is_told_in_the_same_shape(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: object, user: object) -> list[str]:
        raise ValueError("sk-canary-key-0123456789")

    monkeypatch.setattr("chat.policy.ChatPolicy.get_models", broken)
    status, body = await api.get("models")
    assert (status, error_of(body)["code"]) == (500, "internal_error")
    assert "canary" not in str(body)
    assert "failed" in caplog.text


@pytest.mark.chat(MAX_RUNNING_PER_USER=1, MAX_QUEUED_PER_USER=1)
async def test_a_full_line_says_when_to_come_again(api: Api) -> None:
    api.site.upstream.default = Script(tokens=["a", "b"], pauses={1: 30})
    waiting = [asyncio.create_task(api.ask()) for _ in range(2)]
    await api.site.upstream.await_requests(1)
    admission = api.site.runner.admission
    async with asyncio.timeout(5):
        # Nothing tells of it but the line itself.
        while admission.queued < 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    status, body, headers = await api.ask()
    assert (status, error_of(body)["code"]) == (429, "rate_limit_exceeded")
    assert int(headers["Retry-After"]) >= 1
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.chat(COMMANDS_PER_MINUTE=2)
async def test_too_many_calls_in_a_minute_are_refused(api: Api) -> None:
    statuses = [(await api.ask())[0] for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert len(api.site.upstream.seen) == 2


async def test_a_strangers_conversation_is_not_found(api: Api) -> None:
    eve, _ = await api.site.person("eve")
    theirs = await api.site.db(Conversation.objects.create, owner=eve, title="secret")
    status, body, _ = await api.ask(metadata={"llmchat_conversation": str(theirs.pk)})
    error = error_of(body)
    assert (status, error["param"]) == (404, "metadata")
    assert not api.site.upstream.seen


async def raw_request(site: InSite, head: bytes, body: bytes) -> tuple[bytes, int]:
    """The response, and how much of the body was sent until it had begun."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(head)
    sent = 0
    answer = asyncio.create_task(reader.read())
    try:
        for start in range(0, len(body), 65536):
            writer.write(body[start : start + 65536])
            sent = start
            await writer.drain()
        return await asyncio.wait_for(answer, 10), sent
    finally:
        writer.close()


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_body_of_50_mb_is_refused_and_never_held(
    api: Api, framing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    original = "django.core.handlers.asgi.ASGIHandler.create_request"
    monkeypatch.setattr(original, lambda self, scope, body: held.append(1))
    size = 50 * 1024 * 1024
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api.key}\r\n"
    if framing == "length":
        head += f"Content-Length: {size}\r\n\r\n"
        body = b"x" * size
    else:
        head += "Transfer-Encoding: chunked\r\n\r\n"
        body = b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n"
    answer, _ = await raw_request(api.site, head.encode(), body)
    assert answer.startswith(b"HTTP/1.1 413 ")
    error = error_of(json.loads(answer.partition(b"\r\n\r\n")[2]))
    assert error["code"] == "request_too_large"
    assert held == []
    assert not api.site.upstream.seen


async def test_a_large_body_is_refused_by_its_head_alone(api: Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.site.port)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MAX_BODY + 1}\r\n\r\n"
    writer.write(head.encode())
    line = await asyncio.wait_for(reader.readline(), 2)
    assert line.startswith(b"HTTP/1.1 413 ")
    writer.close()


async def test_a_body_just_below_the_limit_is_taken(api: Api) -> None:
    text = "x" * (MAX_BODY - 1000)
    status, _, _ = await api.ask(messages=user(text))
    assert status == 200
    assert api.site.upstream.seen[0].body["messages"] == user(text)
