"""`api/chat`: what a conforming reader gets, what a naive one sees, and what is refused."""

from __future__ import annotations

import asyncio
import io
import json
import re
from typing import Any

import aiohttp
import pytest

from chat.models import ApiKey, Generation, Message
from chat.testing.script import Script
from chat.views.sse import Lines
from tests.insite import InSite

ASK = [{"role": "user", "content": "hello"}]


def conforming(stream: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The data of all unnamed events, and (name, data) of the others, as the WHATWG rules say."""
    data: list[str] = []
    named: list[tuple[str, str]] = []
    name = ""
    lines: list[str] = []
    for line in re.split("\r\n|\r|\n", stream):
        if not line:
            if lines:
                (named.append((name, "\n".join(lines))) if name else data.append("\n".join(lines)))
            name, lines = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            lines.append(value)
        elif field == "event":
            name = value
    return data, named


async def post(site: InSite, cookie: str, body: Any = ASK, **headers: str) -> tuple[int, str, Any]:
    sent = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"} | headers
    cookies = {"sessionid": cookie} if cookie else {}
    raw = body if isinstance(body, str | bytes) else json.dumps(body)
    data = io.BytesIO(raw.encode() if isinstance(raw, str) else raw)
    url = f"{site.origin}/api/chat"
    async with (
        aiohttp.ClientSession(cookies=cookies) as session,
        session.post(url, data=data, headers=sent) as response,
    ):
        return response.status, (await response.read()).decode(), response.headers


TEXTS = [
    ["one ", "two ", "three"],
    ["line\n", "\nblank line above\n", "end\n"],
    ["carriage\r", "\nreturn\r", "alone\r\n", "x"],
    ["[DONE]"],
    ["a\n[DONE]\n", "[DONE]", "\n[DONE]\nz"],
    [" leading", "  two spaces", "\ttab ", ":colon", "data: x"],
    ["emoji \U0001f600 ", "\u2028 separator ", "combining e\u0301"],
]


@pytest.mark.parametrize("tokens", TEXTS)
async def test_a_conforming_reader_gets_the_exact_text_and_done(site: InSite, tokens: list[str]) -> None:
    site.upstream.script(Script(tokens=tokens, rate=100))
    status, body, headers = await post(site, await site.user())
    assert status == 200
    assert headers["Content-Type"].startswith("text/event-stream")
    data, named = conforming(body)
    assert data.pop() == "[DONE]"
    assert "[DONE]" not in data
    assert "".join(data) == "".join(tokens).replace("\r\n", "\n").replace("\r", "\n")
    assert not named
    assert body.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("tokens", TEXTS)
def test_however_the_text_is_cut_into_pieces_the_reader_gets_the_same(tokens: list[str]) -> None:
    text = "".join(tokens)
    for cut in range(len(text) + 1):
        lines = Lines()
        stream = lines.event(text[:cut]) + lines.event(text[cut:]) + lines.finish()
        data, _ = conforming(stream.decode())
        assert "".join(data) == text.replace("\r\n", "\n").replace("\r", "\n")
        assert "data: [DONE]\n" not in stream.decode()


async def test_the_first_token_leaves_at_once(site: InSite) -> None:
    site.upstream.script(Script(tokens=["first ", "second"], pauses={1: 30}))
    headers = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
    async with (
        aiohttp.ClientSession(cookies={"sessionid": await site.user()}) as session,
        session.post(f"{site.origin}/api/chat", data=json.dumps(ASK), headers=headers) as response,
    ):
        line = await asyncio.wait_for(response.content.readline(), 5)
        assert line == b"data: first \n"
    closed = await asyncio.to_thread(site.upstream.wait_closed, 0, 2)
    assert closed.closed_by == "client"


async def test_an_answer_that_breaks_off_ends_with_an_error_and_no_done(site: InSite) -> None:
    site.upstream.script(Script(count=5, fault="end", fault_at=3, finish_reason=None))
    _, body, _ = await post(site, await site.user())
    data, named = conforming(body)
    assert "".join(data) == "token0 token1 token2 "
    assert [name for name, _ in named] == ["error"]
    assert json.loads(named[0][1])["error"]["code"] == "upstream_protocol"
    assert "[DONE]" not in body


async def test_nothing_is_kept_of_it_but_the_figures(site: InSite) -> None:
    site.upstream.script(Script(count=4))
    await post(site, await site.user())
    row = await site.db(Generation.objects.get)
    assert (row.message_id, row.status, row.door, row.completion_tokens) == (None, "complete", "http", 4)
    assert not await site.db(Message.objects.exists)


async def test_an_origin_of_ours_is_enough_where_the_browser_says_nothing_else(site: InSite) -> None:
    site.upstream.script(Script(count=1))
    cookie = await site.user()
    status, _, _ = await post(site, cookie, **{"Sec-Fetch-Site": "", "Origin": site.origin})
    assert status == 403
    headers = {"Content-Type": "application/json", "Origin": site.origin}
    async with (
        aiohttp.ClientSession(cookies={"sessionid": cookie}) as session,
        session.post(f"{site.origin}/api/chat", data=json.dumps(ASK), headers=headers) as response,
    ):
        assert response.status == 200


@pytest.mark.parametrize(
    ("headers", "body", "signed_in", "status", "code"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, ASK, True, 403, "forbidden"),
        ({"Sec-Fetch-Site": "same-site"}, ASK, True, 403, "forbidden"),
        ({}, ASK, False, 401, "forbidden"),
        ({"Content-Type": "text/plain"}, ASK, True, 400, "bad_frame"),
        ({}, "{", True, 400, "bad_frame"),
        ({}, [], True, 400, "bad_frame"),
        ({}, {"role": "user"}, True, 400, "bad_frame"),
        ({}, [{"role": "root", "content": "x"}], True, 400, "bad_frame"),
        ({}, [{"role": "user", "content": "  "}], True, 400, "bad_frame"),
        ({}, [{"role": "user", "content": "a\0b"}], True, 400, "bad_frame"),
        ({}, b"[" * 100_000, True, 400, "bad_frame"),
        ({}, [{"role": "user", "content": "x" * 2_000_000}], True, 413, "too_large"),
    ],
)
async def test_what_is_refused_has_a_status_a_code_and_a_sentence(
    site: InSite, headers: dict[str, str], body: Any, signed_in: bool, status: int, code: str
) -> None:
    got, answer, _ = await post(site, await site.user() if signed_in else "", body, **headers)
    error = json.loads(answer)["error"]
    assert (got, error["code"]) == (status, code)
    assert len(error["message"]) > 10
    assert not site.upstream.seen


async def test_a_bearer_key_is_enough_from_anywhere(site: InSite) -> None:
    site.upstream.script(Script(count=2), Script(count=2))
    user, _ = await site.person()
    row, key = await site.db(ApiKey.objects.make, user, "script")
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        status, body, _ = await post(site, "", Authorization=f"Bearer {key}", **headers)
        assert status == 200
        assert body.endswith("data: [DONE]\n\n")
    assert (await site.db(Generation.objects.latest, "pk")).owner_id == user.pk
    await site.db(row.refresh_from_db)
    assert row.last_used_at is not None


async def test_a_wrong_key_is_not_made_up_for_by_a_session(site: InSite) -> None:
    status, body, headers = await post(site, await site.user(), Authorization="Bearer sk-llmchat-wrong")
    assert (status, json.loads(body)["error"]["code"]) == (401, "forbidden")
    assert headers["WWW-Authenticate"] == "Bearer"
    assert not site.upstream.seen


@pytest.mark.chat(COMMANDS_PER_MINUTE=2)
async def test_calls_have_a_pace_that_counts_with_the_pages(site: InSite) -> None:
    cookie = await site.user()
    client = await site.client(cookie)
    await client.ended((await client.send("hello"))["generation"])
    assert (await post(site, cookie))[0] == 200
    status, body, headers = await post(site, cookie)
    assert (status, json.loads(body)["error"]["code"]) == (429, "rate_limited")
    assert headers["Retry-After"]
    reply = await client.ask("send", conversation=None, text="one more")
    assert reply["code"] == "rate_limited"
    assert (await post(site, await site.user("eve")))[0] == 200
