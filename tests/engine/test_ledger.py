"""The ledger: what each attempt took, whatever became of it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import genai_prices
import pytest
from django.contrib.auth import get_user_model

from chat.engine import journal, recovery
from chat.models import AppendOnlyError, Conversation, Generation, UsageRecord
from chat.testing.recordings import Recording, recordings
from chat.testing.script import Script
from tests.engine.test_journal import chunk, generation, runner_of
from tests.insite import InSite


async def rows(site: InSite) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await site.db(lambda: list(UsageRecord.objects.order_by("id").values()))
    return found


async def test_an_answer_leaves_a_row_with_the_providers_figures(site: InSite) -> None:
    client = await site.client(await site.user())
    usage = {
        "prompt_tokens": 70,
        "completion_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 50},
        "completion_tokens_details": {"reasoning_tokens": 10},
    }
    site.upstream.script(Script(count=3, first_delay=0.05, usage=usage))
    accepted = await client.send("hello")
    end = await client.ended(accepted["generation"])
    (row,) = await rows(site)
    owner = await site.db(lambda: get_user_model()._default_manager.get(username="ada").pk)
    expected = {
        "generation_id": accepted["generation"],
        "owner_id": owner,
        "door": "web",
        "provider": "default",
        "model": "scripted",
        "attempt": 1,
        "status": "complete",
        "error_code": "",
        "prompt_tokens": 70,
        "cached_tokens": 50,
        "completion_tokens": 30,
        "reasoning_tokens": 10,
        "estimated": False,
    }
    assert {name: row[name] for name in expected} == expected
    assert 50 <= row["first_token_ms"] <= row["total_ms"]
    assert end["usage"] == {"prompt_tokens": 70, "completion_tokens": 30, "estimated": False}


async def test_a_provider_without_figures_is_estimated_and_marked_so(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(count=3, usage={}))
    await client.ended((await client.send("hello"))["generation"])
    (row,) = await rows(site)
    assert row["estimated"]
    assert row["prompt_tokens"] > 0
    assert row["completion_tokens"] > 0


async def test_a_failed_answer_is_in_the_ledger_too(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(status=401, body=json.dumps({"error": {"message": "no"}})))
    await client.ended((await client.send("hello"))["generation"])
    (row,) = await rows(site)
    assert (row["status"], row["error_code"]) == ("error", "upstream_auth")


async def test_what_was_spent_on_a_deleted_conversation_stays(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(count=1000, rate=50))
    accepted = await client.send("hello")
    await client.text(accepted["generation"], 20)
    await site.db(lambda: Conversation.objects.all().delete())
    await client.ended(accepted["generation"])
    (row,) = await rows(site)
    assert (row["generation_id"], row["estimated"]) == (accepted["generation"], True)
    assert row["completion_tokens"] > 5


@pytest.mark.chat(MAX_RUNNING_PER_USER=1)
async def test_an_answer_that_was_stopped_in_the_line_cost_nothing(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(count=1000, rate=50))
    first = await client.send("hello")
    second = await client.send("and you?")
    await client.say("stop", generation=second["generation"])
    await client.ended(second["generation"])
    await client.say("stop", generation=first["generation"])
    await client.ended(first["generation"])
    assert [row["generation_id"] for row in await rows(site)] == [first["generation"]]
    attempts = await site.db(
        lambda: list(Generation.objects.order_by("id").values_list("attempts", flat=True))
    )
    assert attempts == [1, 0]


@pytest.mark.parametrize("recording", recordings(), ids=lambda recording: recording.name)
async def test_the_cost_of_a_recorded_answer_is_the_price_librarys_to_the_cent(
    site: InSite, settings: Any, recording: Recording
) -> None:
    provider = {"BASE_URL": site.upstream.base_url, "PRICED_AS": "openai"}
    settings.LLMCHAT = {**settings.LLMCHAT, "PROVIDERS": {"default": provider}, "MODEL": "gpt-4o-mini"}
    site.upstream.script(Script(body=recording.body.decode(), framing="close"))
    client = await site.client(await site.user())
    accepted = await client.send("hello")
    end = await client.ended(accepted["generation"])
    assert (end["status"], client.shown[accepted["generation"]].text) == ("complete", recording.text)
    prompt, completion, cached, reasoning = recording.usage
    usage = genai_prices.Usage(input_tokens=prompt, cache_read_tokens=cached, output_tokens=completion)
    expected = genai_prices.calc_price(usage, "gpt-4o-mini", provider_id="openai").total_price
    (row,) = await rows(site)
    assert (row["cost"], Decimal(end["cost"])) == (expected, expected)
    assert (row["reasoning_tokens"], row["cached_tokens"]) == (reasoning, cached)
    assert row["price"]["source"].startswith("genai-prices ")


@pytest.mark.django_db(transaction=True)
def test_a_crash_leaves_the_row_that_the_dead_process_could_not_write() -> None:
    row = generation(provider="first", model="some", prompt_tokens=12)
    journal.write([chunk(row.pk, 1, "hello ", "world")], runner_of(row))
    recovery.bury(runner_of(row), 0)
    record = UsageRecord.objects.get()
    assert (record.provider, record.model, record.status) == ("first", "some", "interrupted")
    assert (record.prompt_tokens, record.estimated) == (12, True)
    assert record.completion_tokens > 0


@pytest.mark.django_db(transaction=True)
def test_after_a_crash_the_attempts_are_known_by_their_events(settings: Any) -> None:
    settings.LLMCHAT = {"PROVIDERS": {"first": {}, "second": {}}}
    row = generation(provider="first", model="some")
    head = f'{{"type":"event","generation":{row.pk}'
    frames = (
        f'{head},"n":1,"kind":"retrying","code":"upstream_error","model":"some","seconds":1,"attempt":2}}',
        f'{head},"n":2,"kind":"fallback","code":"upstream_timeout","model":"second/other"}}',
        f'[{row.pk},3,"hello"]',
    )
    journal.write([journal.Chunk(row.pk, 1, 3, ",".join(frames))], runner_of(row))
    recovery.bury(runner_of(row), 0)
    fields = ("attempt", "provider", "model", "status", "error_code")
    assert list(UsageRecord.objects.order_by("id").values_list(*fields)) == [
        (1, "first", "some", "error", "upstream_error"),
        (2, "first", "some", "error", "upstream_timeout"),
        (3, "second", "other", "interrupted", ""),
    ]
    row.refresh_from_db()
    assert (row.model, row.attempts) == ("second/other", 3)


@pytest.mark.django_db(transaction=True)
def test_rows_are_only_ever_added() -> None:
    row = generation()
    recovery.bury(runner_of(row), 0)
    record = UsageRecord.objects.get()
    with pytest.raises(AppendOnlyError):
        record.save()
    with pytest.raises(AppendOnlyError):
        record.delete()
    with pytest.raises(AppendOnlyError):
        UsageRecord.objects.update(cost=0)
    with pytest.raises(AppendOnlyError):
        UsageRecord.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_a_deleted_user_leaves_the_ledger_as_it_is() -> None:
    row = generation()
    recovery.bury(runner_of(row), 0)
    user = get_user_model()._default_manager.get()
    pk = user.pk
    user.delete()
    assert UsageRecord.objects.get().owner_id == pk
