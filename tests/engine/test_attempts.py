"""Providers that fail: what is tried again, who is asked instead, and what is seen of it."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal

import pytest
import pytest_asyncio

from chat.engine.attempts import Attempts
from chat.models import Generation, Message, UsageRecord
from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream
from chat.upstream.prices import Tariff
from chat.upstream.target import Target
from tests.engine.test_seam import PROSE
from tests.insite import InSite, running_site
from tests.wsclient import ChatClient

FIRST = Target("scripted", "first", "scripted", Tariff("scripted", ""))
BROKEN = Script(status=500, body="{}")
BUSY = Script(status=429, body="{}")
HANGS = Script(fault="hang")
WHOLE = Script(count=10)
TEXT = WHOLE.text


@pytest.fixture
def second() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest_asyncio.fixture
async def pair(
    request: pytest.FixtureRequest,
    transactional_db: None,
    upstream: ScriptedUpstream,
    second: ScriptedUpstream,
) -> AsyncIterator[InSite]:
    """The site with two providers; `@pytest.mark.chat(first={…}, KEY=value)` changes it."""
    marker = request.node.get_closest_marker("chat")
    keys = dict(marker.kwargs) if marker else {}
    first = {"BASE_URL": upstream.base_url, "MODELS": ["scripted"], "FALLBACKS": ["second"]}
    other = {"BASE_URL": second.base_url, "MODELS": ["scripted"]}
    providers = {"first": first | keys.pop("first", {}), "second": other | keys.pop("second", {})}
    async with running_site(upstream, **{"PROVIDERS": providers, "RETRY_DELAY": 0.05, **keys}) as site:
        yield site


async def asked(site: InSite, text: str = "hello") -> tuple[ChatClient, dict[str, Any], list[dict[str, Any]]]:
    """A question, its end, and the events on the way."""
    client = await site.client(await site.user())
    accepted = await client.send(text)
    end = await client.ended(accepted["generation"])
    assert not client.violations
    assert not client.mismatches
    return client, end, client.shown[end["generation"]].events


async def ledger(site: InSite) -> list[tuple[str, str, str]]:
    fields = ("provider", "status", "error_code")
    rows: list[tuple[str, str, str]] = await site.db(
        lambda: list(UsageRecord.objects.order_by("id").values_list(*fields))
    )
    return rows


def shown(client: ChatClient, end: dict[str, Any]) -> str:
    return client.shown[end["generation"]].text


RETRIED: list[tuple[str, Script, str]] = [
    ("500", BROKEN, "upstream_error"),
    ("503", Script(status=503, body="{}"), "upstream_error"),
    ("429", BUSY, "upstream_rate_limited"),
    (
        "429 with Retry-After",
        Script(status=429, body="{}", headers={"Retry-After": "0"}),
        "upstream_rate_limited",
    ),
    ("reset before the headers", Script(fault="reset", fault_at=-1), "upstream_unreachable"),
    ("reset before the first token", Script(fault="reset"), "upstream_unreachable"),
    ("ended before the first token", Script(fault="end"), "upstream_protocol"),
    ("error before the first token", Script(fault="error_event"), "upstream_error"),
]


@pytest.mark.chat(RETRY_DELAY=0.05)
@pytest.mark.parametrize(("name", "script", "code"), RETRIED, ids=[case[0] for case in RETRIED])
async def test_before_the_first_token_a_failure_is_tried_again(
    site: InSite, name: str, script: Script, code: str
) -> None:
    site.upstream.script(script, script, WHOLE)
    client, end, events = await asked(site)
    assert (end["status"], shown(client, end)) == ("complete", TEXT)
    assert [(event["kind"], event["attempt"], event["code"]) for event in events] == [
        ("retrying", 2, code),
        ("retrying", 3, code),
    ]
    assert await ledger(site) == [("default", "error", code)] * 2 + [("default", "complete", "")]
    row = await site.db(Generation.objects.get)
    message = await site.db(lambda: Message.objects.get(role="assistant"))
    assert row.attempts == 3
    assert [step["kind"] for step in message.steps] == ["retrying", "retrying"]


NOT_RETRIED: list[tuple[str, Script, str]] = [
    ("401", Script(status=401, body="{}"), "upstream_auth"),
    ("403", Script(status=403, body="{}"), "upstream_auth"),
    ("404", Script(status=404, body="{}"), "model_unavailable"),
    ("400", Script(status=400, body="{}"), "upstream_error"),
    (
        "redirect",
        Script(status=302, headers={"Location": "http://127.0.0.1:9/"}, body=""),
        "upstream_protocol",
    ),
    ("HTML", Script(body="<html>login</html>", content_type="text/html"), "upstream_protocol"),
    (
        "429 with a long Retry-After",
        Script(status=429, body="{}", headers={"Retry-After": "31"}),
        "upstream_rate_limited",
    ),
]


@pytest.mark.parametrize(("name", "script", "code"), NOT_RETRIED, ids=[case[0] for case in NOT_RETRIED])
async def test_what_a_retry_cannot_mend_ends_at_once(
    site: InSite, name: str, script: Script, code: str
) -> None:
    site.upstream.default = script
    _, end, events = await asked(site)
    assert (end["status"], end["error"]["code"], events) == ("error", code, [])
    assert len(site.upstream.seen) == 1
    assert await ledger(site) == [("default", "error", code)]


@pytest.mark.parametrize(("name", "script", "code"), NOT_RETRIED, ids=[case[0] for case in NOT_RETRIED])
async def test_what_a_retry_cannot_mend_another_provider_may(
    pair: InSite, second: ScriptedUpstream, name: str, script: Script, code: str
) -> None:
    pair.upstream.default = script
    second.script(WHOLE)
    client, end, events = await asked(pair)
    assert (end["status"], shown(client, end)) == ("complete", TEXT)
    assert [(event["kind"], event["model"], event["code"]) for event in events] == [
        ("fallback", "second/scripted", code)
    ]
    message = await pair.db(lambda: Message.objects.get(role="assistant"))
    assert message.model == "second/scripted"
    assert await ledger(pair) == [("first", "error", code), ("second", "complete", "")]


async def test_a_retry_after_of_no_calendar_still_lets_another_provider_answer(
    pair: InSite, second: ScriptedUpstream
) -> None:
    date = "Thu, 01 Jan 99999999999 00:00:00 GMT"
    refusal = Script(status=429, body="{}", headers={"Retry-After": date})
    pair.upstream.script(*[refusal] * 3)
    second.script(WHOLE)
    client, end, _ = await asked(pair)
    assert (end["status"], shown(client, end)) == ("complete", TEXT)


async def test_of_an_unforeseen_error_nothing_is_logged_that_it_came_from(
    site: InSite, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def begin(*_: Any) -> None:
        try:
            raise ValueError("sk-canary-key-0123456789 and the provider's words")
        except ValueError as error:
            raise RuntimeError("a flaw of ours") from error

    monkeypatch.setattr(Attempts, "begin", begin)
    _, end, _ = await asked(site)
    assert (end["status"], end["error"]["code"]) == ("error", "internal")
    assert "a flaw of ours" in caplog.text
    assert "canary" not in caplog.text


async def test_a_provider_that_always_fails_is_given_up_soon_by_default(site: InSite) -> None:
    site.upstream.default = BROKEN
    started = time.monotonic()
    _, end, events = await asked(site)
    assert (end["status"], end["error"]["code"]) == ("error", "upstream_error")
    assert time.monotonic() - started < 3
    assert sum(event["seconds"] for event in events) <= 1.5
    assert len(site.upstream.seen) == 3


@pytest.mark.chat(RETRY_DELAY=0.01)
async def test_what_the_provider_asks_to_wait_is_waited_and_told(site: InSite) -> None:
    site.upstream.script(Script(status=429, body="{}", headers={"Retry-After": "1"}), WHOLE)
    _, end, events = await asked(site)
    assert end["status"] == "complete"
    first, then = site.upstream.seen
    assert 1 <= then.at - first.at < 2
    assert 1 <= events[0]["seconds"] <= 1.2


async def test_with_somebody_else_to_ask_nobody_waits_long(pair: InSite, second: ScriptedUpstream) -> None:
    pair.upstream.default = Script(status=429, body="{}", headers={"Retry-After": "20"})
    started = time.monotonic()
    _, end, events = await asked(pair)
    assert end["status"] == "complete"
    assert [event["kind"] for event in events] == ["fallback"]
    assert time.monotonic() - started < 5


async def test_stop_ends_the_waiting_at_once(site: InSite) -> None:
    site.upstream.default = Script(status=429, body="{}", headers={"Retry-After": "20"})
    client = await site.client(await site.user())
    accepted = await client.send("hello")
    await client.frame(lambda f: isinstance(f, dict) and f.get("kind") == "retrying")
    started = time.monotonic()
    await client.say("stop", generation=accepted["generation"])
    end = await client.ended(accepted["generation"])
    assert (end["status"], end["reason"]) == ("stopped", "user")
    assert time.monotonic() - started < 0.5
    assert len(site.upstream.seen) == 1


@pytest.mark.chat(FIRST_TOKEN_TIMEOUT=0.6)
async def test_the_clock_to_the_first_token_covers_all_attempts(site: InSite) -> None:
    site.upstream.script(BROKEN)
    site.upstream.default = HANGS
    started = time.monotonic()
    _, end, _ = await asked(site)
    assert (end["status"], end["error"]["code"]) == ("error", "upstream_timeout")
    assert time.monotonic() - started < 2
    assert len(site.upstream.seen) <= 2


@pytest.mark.chat(FIRST_TOKEN_TIMEOUT=0.3)
async def test_each_provider_has_a_clock_of_its_own(pair: InSite, second: ScriptedUpstream) -> None:
    pair.upstream.default = HANGS
    second.script(Script(count=10, first_delay=0.2))
    client, end, events = await asked(pair)
    assert (end["status"], shown(client, end)) == ("complete", TEXT)
    assert [event["kind"] for event in events] == ["fallback"]
    rows = await pair.db(
        lambda: list(UsageRecord.objects.order_by("id").values("estimated", "prompt_tokens"))
    )
    # It had the prompt, and may well have read it.
    assert rows[0]["estimated"]
    assert rows[0]["prompt_tokens"] > 0


@pytest.mark.chat(FIRST_TOKEN_TIMEOUT=0.3, BREAKER_SECONDS=1.5)
async def test_a_dead_provider_costs_one_timeout_then_is_passed_by_then_tried_again(
    pair: InSite, second: ScriptedUpstream
) -> None:
    pair.upstream.default = HANGS
    client = await pair.client(await pair.user())
    for question in range(4):
        accepted = await client.send(f"question {question}")
        assert (await client.ended(accepted["generation"]))["status"] == "complete"
    opened = time.monotonic()
    assert (len(pair.upstream.seen), len(second.seen)) == (1, 4)
    states = {figure["name"]: figure["state"] for figure in pair.runner.health.figures()}
    assert (states["first"], states["second"]) == ("open", "closed")
    # Half-open: one is let through, finds it well again, and all are.
    pair.upstream.default = WHOLE
    while not pair.runner.health.allows(FIRST):
        await client.ask("ping")
    assert time.monotonic() - opened < 5
    for question in range(2):
        accepted = await client.send(f"again {question}")
        assert (await client.ended(accepted["generation"]))["status"] == "complete"
    assert (len(pair.upstream.seen), len(second.seen)) == (3, 4)


async def test_a_sole_provider_is_asked_whatever_happened_before(site: InSite) -> None:
    site.upstream.default = BROKEN
    client = await site.client(await site.user())
    await client.ended((await client.send("hello"))["generation"])
    site.upstream.default = WHOLE
    accepted = await client.send("and now?")
    assert (await client.ended(accepted["generation"]))["status"] == "complete"


@pytest.mark.chat(first={"MAX_RUNNING": 1})
async def test_a_full_provider_is_passed_by(pair: InSite, second: ScriptedUpstream) -> None:
    client = await pair.client(await pair.user())
    pair.upstream.default = Script(count=1000, rate=50)
    first = await client.send("one")
    await client.text(first["generation"])
    answer = await client.send("two")
    assert (await client.ended(answer["generation"]))["status"] == "complete"
    assert (len(pair.upstream.seen), len(second.seen)) == (1, 1)
    await client.say("stop", generation=first["generation"])
    await client.ended(first["generation"])
    assert not pair.runner.is_full(FIRST)


AFTER: list[tuple[str, Script, str]] = [
    ("reset", Script(count=20, fault="reset", fault_at=10, rate=200), "upstream_unreachable"),
    ("truncated", Script(count=20, fault="end", fault_at=10, rate=200), "upstream_protocol"),
]


@pytest.mark.parametrize(("name", "script", "code"), AFTER, ids=[case[0] for case in AFTER])
async def test_after_the_first_token_nothing_is_repeated(
    pair: InSite, second: ScriptedUpstream, name: str, script: Script, code: str
) -> None:
    pair.upstream.default = script
    client, end, events = await asked(pair)
    assert (end["status"], end["error"]["code"], events) == ("interrupted", code, [])
    assert shown(client, end) == TEXT
    assert (len(pair.upstream.seen), len(second.seen)) == (1, 0)


@pytest.mark.chat(first={"FAILOVER": True})
@pytest.mark.parametrize(("name", "script", "code"), AFTER, ids=[case[0] for case in AFTER])
async def test_where_it_is_wanted_a_broken_answer_is_continued_in_place(
    pair: InSite, second: ScriptedUpstream, name: str, script: Script, code: str
) -> None:
    pair.upstream.script(script)
    pair.upstream.default = BROKEN
    second.default = Script(count=20, continues="next")
    client, end, events = await asked(pair)
    assert (end["status"], end["finish_reason"]) == ("complete", "stop")
    assert shown(client, end) == Script(count=20).text
    assert [(event["kind"], event["at"], event["from"], event["to"]) for event in events] == [
        ("failover", len(TEXT), "scripted", "second/scripted")
    ]
    message = await pair.db(lambda: Message.objects.get(role="assistant"))
    assert (message.content, message.model) == (Script(count=20).text, "second/scripted")
    assert [step["kind"] for step in message.steps] == ["failover"]
    assert await pair.db(Generation.objects.count) == 1
    assert await ledger(pair) == [
        ("first", "interrupted", code),
        ("first", "error", "upstream_error"),
        ("second", "complete", ""),
    ]


@pytest.mark.chat(first={"FAILOVER": True}, IDLE_TIMEOUT=0.4)
async def test_an_answer_that_falls_silent_is_continued_by_another(
    pair: InSite, second: ScriptedUpstream
) -> None:
    pair.upstream.script(Script(count=20, fault="hang", fault_at=10))
    second.default = Script(count=20, continues="words")
    client, end, _ = await asked(pair)
    assert (end["status"], shown(client, end)) == ("complete", Script(count=20).text)
    assert len(pair.upstream.seen) == 1


@pytest.mark.chat(first={"FAILOVER": True})
async def test_when_nobody_can_continue_it_stays_as_far_as_it_came(
    pair: InSite, second: ScriptedUpstream
) -> None:
    pair.upstream.script(AFTER[0][1])
    pair.upstream.default = BROKEN
    second.default = BROKEN
    client, end, events = await asked(pair)
    assert (end["status"], end["error"]["code"], events) == ("interrupted", "upstream_unreachable", [])
    assert shown(client, end) == TEXT


async def test_who_breaks_off_in_the_middle_loses_trust_like_others(
    pair: InSite, second: ScriptedUpstream
) -> None:
    client = await pair.client(await pair.user())
    for _ in range(3):
        pair.upstream.script(AFTER[0][1])
        accepted = await client.send("hello")
        assert (await client.ended(accepted["generation"]))["status"] == "interrupted"
    accepted = await client.send("hello")
    assert (await client.ended(accepted["generation"]))["status"] == "complete"
    assert (len(pair.upstream.seen), len(second.seen)) == (3, 1)


@pytest.mark.chat(first={"FAILOVER": True})
async def test_stop_ends_a_continuation_like_any_answer(pair: InSite, second: ScriptedUpstream) -> None:
    pair.upstream.script(AFTER[0][1])
    pair.upstream.default = BROKEN
    second.default = Script(count=500, rate=50, continues="next")
    client = await pair.client(await pair.user())
    accepted = await client.send("hello")
    shown_so_far = await client.text(accepted["generation"], len(TEXT) + 300)
    started = time.monotonic()
    await client.say("stop", generation=accepted["generation"])
    end = await client.ended(accepted["generation"])
    assert (end["status"], end["reason"]) == ("stopped", "user")
    closed = await second.await_closed()
    assert closed.closed_at is not None
    assert closed.closed_at - started < 0.5
    assert Script(count=500).text.startswith(client.shown[accepted["generation"]].text)
    assert client.shown[accepted["generation"]].text.startswith(shown_so_far)


@pytest.mark.slow
@pytest.mark.parametrize("prefix", [False, True], ids=["in words", "with the beginning"])
async def test_the_halves_are_exactly_what_one_provider_would_have_said(
    transactional_db: None, upstream: ScriptedUpstream, prefix: bool
) -> None:
    """50 break points, each continued in the ways that models have."""
    manners: tuple[Literal["next", "words", "anew"], ...] = ("next", "words", "anew")
    manners = manners[:1] if prefix else manners
    provider = {"BASE_URL": upstream.base_url, "FAILOVER": True, "ASSISTANT_PREFIX": prefix}
    points = sorted(random.Random(4).sample(range(1, len(PROSE) - 1), 50))
    async with running_site(upstream, PROVIDERS={"default": provider}) as site:
        client = await site.client(await site.user())
        for number, at in enumerate(points):
            tokens = [*(PROSE[n : min(n + 5, at)] for n in range(0, at, 5)), PROSE[at:]]
            upstream.default = Script(
                tokens=tokens,
                fault=("end", "close")[number % 2],
                fault_at=len(tokens) - 1,
                continues=manners[number % len(manners)],
            )
            accepted = await client.send("hello")
            end = await client.ended(accepted["generation"])
            seen = client.shown[accepted["generation"]]
            assert (end["status"], seen.text) == ("complete", PROSE), (at, upstream.default.continues)
            assert [event["at"] for event in seen.events] == [len(PROSE[:at].encode("utf-16-le")) // 2]
        assert len(upstream.seen) == 100
        assert not client.violations
        assert not client.mismatches
