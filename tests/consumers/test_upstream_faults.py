"""Whatever the upstream does: the protocol's status, the text so far, no word of the provider."""

from __future__ import annotations

import json
import logging
import socket
from typing import Any

import pytest

from chat.models import Generation, Message
from chat.testing.script import Script
from tests.insite import InSite

KEY = "sk-canary-key-0123456789"
LEAK = f"the provider says: your key {KEY} is bad"
TEN = "".join(f"token{n} " for n in range(10))

#: name, script, status, error code, finish_reason, text
FAULTS: list[tuple[str, Script, str, str | None, str | None, str]] = [
    ("complete", Script(count=10), "complete", None, "stop", TEN),
    ("length", Script(count=10, finish_reason="length"), "complete", None, "length", TEN),
    (
        "content filter",
        Script(count=10, finish_reason="content_filter"),
        "complete",
        None,
        "content_filter",
        TEN,
    ),
    ("no [DONE]", Script(count=10, done=False), "complete", None, "stop", TEN),
    ("[DONE] only", Script(count=10, finish_reason=None), "complete", None, None, TEN),
    ("empty finish_reason", Script(count=10, finish_reason=""), "complete", None, None, TEN),
    (
        "content in the finish chunk",
        Script(count=10, finish_with_content=True),
        "complete",
        None,
        "stop",
        TEN,
    ),
    ("reset before", Script(count=10, fault="reset"), "error", "upstream_unreachable", None, ""),
    (
        "reset after",
        Script(count=20, fault="reset", fault_at=10, rate=200),
        "interrupted",
        "upstream_unreachable",
        None,
        TEN,
    ),
    (
        "closed after",
        Script(count=20, fault="close", fault_at=10, rate=200),
        "interrupted",
        "upstream_protocol",
        None,
        TEN,
    ),
    ("ended before", Script(count=0, finish_reason=None, done=False), "error", "upstream_protocol", None, ""),
    (
        "ended after",
        Script(count=20, fault="end", fault_at=10, rate=200),
        "interrupted",
        "upstream_protocol",
        None,
        TEN,
    ),
    (
        "half an event",
        Script(count=20, fault="half_event", fault_at=10),
        "interrupted",
        "upstream_protocol",
        None,
        TEN,
    ),
    ("garbage", Script(count=20, fault="garbage", fault_at=10), "error", "upstream_protocol", None, TEN),
    (
        "HTML in the stream",
        Script(count=20, fault="html", fault_at=10),
        "error",
        "upstream_protocol",
        None,
        TEN,
    ),
    (
        "HTML instead",
        Script(body="<html>login</html>", content_type="text/html"),
        "error",
        "upstream_protocol",
        None,
        "",
    ),
    ("answers nothing", Script(count=0), "error", "upstream_protocol", "stop", ""),
    (
        "error event before",
        Script(count=20, fault="error_event", error={"message": LEAK}),
        "error",
        "upstream_error",
        None,
        "",
    ),
    (
        "error event after",
        Script(count=20, fault="error_event", fault_at=10, error={"message": LEAK}),
        "error",
        "upstream_error",
        None,
        TEN,
    ),
    (
        "oversized line",
        Script(count=20, fault="oversized", fault_at=10),
        "error",
        "upstream_protocol",
        None,
        TEN,
    ),
    (
        "401",
        Script(status=401, body=json.dumps({"error": {"message": LEAK}})),
        "error",
        "upstream_auth",
        None,
        "",
    ),
    ("403", Script(status=403, body=LEAK), "error", "upstream_auth", None, ""),
    ("404", Script(status=404, body=LEAK), "error", "model_unavailable", None, ""),
    ("429", Script(status=429, body=LEAK), "error", "upstream_rate_limited", None, ""),
    ("500", Script(status=500, body=LEAK), "error", "upstream_error", None, ""),
    (
        "redirect",
        Script(status=302, headers={"Location": "http://127.0.0.1:9/"}, body=LEAK),
        "error",
        "upstream_protocol",
        None,
        "",
    ),
    ("silent before the headers", Script(fault="hang", fault_at=-1), "error", "upstream_timeout", None, ""),
    ("silent before the first token", Script(fault="hang"), "error", "upstream_timeout", None, ""),
    ("comments are silence before", Script(fault="comments"), "error", "upstream_timeout", None, ""),
    (
        "silent after",
        Script(count=20, fault="hang", fault_at=10),
        "interrupted",
        "upstream_timeout",
        None,
        TEN,
    ),
    (
        "comments are silence after",
        Script(count=20, fault="comments", fault_at=10),
        "interrupted",
        "upstream_timeout",
        None,
        TEN,
    ),
]


# Short clocks for those that are silent. All others end by themselves, however slow the machine is.
SILENT = pytest.mark.chat(FIRST_TOKEN_TIMEOUT=0.5, IDLE_TIMEOUT=0.5)
OTHERS = pytest.mark.chat(RETRY_DELAY=0.02)


@pytest.mark.parametrize(
    ("name", "script", "status", "code", "finish_reason", "text"),
    [
        pytest.param(*row, id=row[0], marks=SILENT if row[3] == "upstream_timeout" else OTHERS)
        for row in FAULTS
    ],
)
async def test_a_fault_has_its_status_its_code_and_the_text_so_far(
    site: InSite,
    caplog: pytest.LogCaptureFixture,
    name: str,
    script: Script,
    status: str,
    code: str | None,
    finish_reason: str | None,
    text: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    client = await site.client(await site.user())
    # Whenever it is asked, as it is asked again where that may help.
    site.upstream.default = script
    accepted = await client.send("hello")
    end = await client.ended(accepted["generation"])
    shown = client.shown[accepted["generation"]]
    assert (end["status"], (end["error"] or {}).get("code"), end["finish_reason"]) == (
        status,
        code,
        finish_reason,
    )
    assert shown.text == text
    if code is not None:
        assert len(end["error"]["message"]) > 10
        assert end["error"]["reference"]
    message = await site.db(Message.objects.get, pk=accepted["assistant_message"])
    assert (message.content, message.status) == (text, status)
    row = await site.db(Generation.objects.values().get, pk=accepted["generation"])
    everything = json.dumps(client.frames) + str(row) + caplog.text
    assert KEY not in everything
    assert "the provider says" not in everything
    assert not client.violations
    assert not client.mismatches


@pytest.mark.chat(TOTAL_TIMEOUT=0.6)
async def test_total_timeout_breaks_an_endless_answer_off(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(count=10_000, rate=100))
    accepted = await client.send("hello")
    end = await client.ended(accepted["generation"])
    assert (end["status"], end["error"]["code"]) == ("interrupted", "upstream_timeout")


@pytest.mark.chat(MAX_ANSWER_CHARS=1000)
async def test_the_answer_cap_stops_at_exactly_so_many_characters(site: InSite) -> None:
    client = await site.client(await site.user())
    script = Script(count=10_000)
    site.upstream.script(script)
    accepted = await client.send("hello")
    end = await client.ended(accepted["generation"])
    assert (end["status"], end["reason"]) == ("stopped", "answer_cap")
    assert client.shown[accepted["generation"]].text == script.text[:1000]


def _nobody_listens() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


@pytest.mark.chat(PROVIDERS={"default": {"BASE_URL": _nobody_listens()}})
async def test_nobody_listens(site: InSite) -> None:
    client = await site.client(await site.user())
    accepted = await client.send("hello")
    end = await client.ended(accepted["generation"])
    assert (end["status"], end["error"]["code"]) == ("error", "upstream_unreachable")
    rows = await site.db(lambda: list(Message.objects.order_by("position").values_list("content", "status")))
    assert rows == [("hello", "complete"), ("", "error")]


@pytest.mark.chat(PROVIDERS={"default": {"BASE_URL": "http://does-not-exist.invalid/v1"}})
async def test_a_name_that_does_not_resolve(site: InSite) -> None:
    client = await site.client(await site.user())
    accepted = await client.send("hello")
    end = await client.ended(accepted["generation"])
    assert (end["status"], end["error"]["code"]) == ("error", "upstream_unreachable")


async def test_nul_and_split_surrogates_reach_the_rows_as_they_were_shown(site: InSite) -> None:
    client = await site.client(await site.user())
    tokens = ["a\0b", "\ud83d", "\ude00", " lone \ud800", " end \U0001f600"]
    site.upstream.script(Script(tokens=tokens, rate=100))
    accepted = await client.send("hello")
    end = await client.ended(accepted["generation"])
    text = "a\ufffdb\U0001f600 lone \ufffd end \U0001f600"
    assert client.shown[accepted["generation"]].text == text
    assert end["status"] == "complete"
    message = await site.db(Message.objects.get, pk=accepted["assistant_message"])
    assert message.content == text


async def test_reasoning_travels_in_frames_of_its_own(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(reasoning=["let ", "me ", "think"], count=3, rate=100))
    accepted = await client.send("hello")
    await client.ended(accepted["generation"])
    shown = client.shown[accepted["generation"]]
    assert (shown.reasoning, shown.text) == ("let me think", Script(count=3).text)
    message = await site.db(Message.objects.get, pk=accepted["assistant_message"])
    assert (message.reasoning, message.content) == ("let me think", shown.text)


BAD_INPUT: list[tuple[dict[str, Any], str]] = [
    ({"text": ""}, "bad_frame"),
    ({"text": " \n\t"}, "bad_frame"),
    ({"text": "a\0b"}, "bad_frame"),
    ({"text": "x" * 200_000}, "too_large"),
]


@pytest.mark.parametrize(("fields", "code"), BAD_INPUT)
async def test_bad_input_is_refused_with_a_code_and_a_sentence(
    site: InSite, fields: dict[str, Any], code: str
) -> None:
    client = await site.client(await site.user())
    since = len(client.frames)
    await client.say("send", conversation=None, **fields)
    reply = await client.frame(lambda f: isinstance(f, dict) and f["type"] == "error", since)
    assert reply["code"] == code
    assert len(reply["message"]) > 10
    assert (await client.ask("ping"))["type"] == "pong"
    assert not await site.db(Message.objects.exists)


async def test_a_model_that_is_not_offered_is_refused(site: InSite, settings: Any) -> None:
    settings.LLMCHAT = {
        **settings.LLMCHAT,
        "PROVIDERS": {"default": {"BASE_URL": site.upstream.base_url, "MODELS": ["scripted"]}},
    }
    client = await site.client(await site.user())
    reply = await client.ask("send", conversation=None, text="hello", model="gpt-9")
    assert reply["code"] == "model_unavailable"


@pytest.mark.slow
async def test_forty_turns_fit_a_small_window_by_leaving_the_oldest_out(site: InSite, settings: Any) -> None:
    settings.LLMCHAT = {
        **settings.LLMCHAT,
        "SYSTEM_PROMPT": "Be brief.",
        "PROVIDERS": {"default": {"BASE_URL": site.upstream.base_url, "CONTEXT_TOKENS": 400}},
    }
    client = await site.client(await site.user())
    conversation = None
    for turn in range(40):
        site.upstream.script(Script(count=5))
        accepted = await client.send(f"question {turn}", conversation)
        conversation = accepted["conversation"]
        await client.ended(accepted["generation"])
    messages = site.upstream.seen[-1].body["messages"]
    assert messages[0] == {"role": "system", "content": "Be brief."}
    assert messages[-1]["content"] == "question 39"
    assert 5 < len(messages) < 40
    reply = await client.ask("send", conversation=conversation, text="x" * 4000)
    assert reply["code"] == "context_too_long"
