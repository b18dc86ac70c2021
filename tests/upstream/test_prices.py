"""What tokens cost: to the cent what the price library says, or what the operator does."""

from __future__ import annotations

from decimal import Decimal

import genai_prices
import pytest

from chat.testing.recordings import Recording, recordings
from chat.upstream.chunks import ChunkDecoder
from chat.upstream.prices import Price, Tariff, may_be_listed
from chat.upstream.sse import EventSplitter
from chat.upstream.types import Usage

#: Where each of the recordings could have come from, and a model that is sold there.
SOLD = {
    "openai": ("https://api.openai.com/v1", "gpt-4o-mini-2024-07-18"),
    "deepseek": ("https://api.deepseek.com", "deepseek-reasoner"),
    "gateway": ("https://openrouter.ai/api/v1", "openai/gpt-4o-mini"),
    "vllm": ("https://api.groq.com/openai/v1", "llama-3.3-70b-versatile"),
    "ollama": ("https://api.together.xyz/v1", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    "llamacpp": ("https://api.mistral.ai/v1", "mistral-small-latest"),
}


def usage_of(recording: Recording) -> Usage:
    splitter, decoder = EventSplitter(), ChunkDecoder()
    found = None
    for event in [*splitter.feed(recording.body), *splitter.finish()]:
        delta = decoder.decode(event)
        found = (delta and delta.usage) or found
    assert found is not None
    return found


@pytest.mark.parametrize("recording", recordings(), ids=lambda recording: recording.name)
def test_a_recorded_answer_costs_what_the_price_library_says(recording: Recording) -> None:
    base_url, model = SOLD[recording.name]
    prompt, completion, cached, _ = recording.usage
    expected = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=prompt, cache_read_tokens=cached, output_tokens=completion),
        model,
        provider_api_url=base_url,
    ).total_price
    cost, price = Tariff(model, base_url).cost(usage_of(recording))
    assert expected > 0
    assert cost == expected
    assert price["source"] == f"genai-prices {genai_prices.__version__}"


def test_the_operators_price_counts_alone() -> None:
    own = Price(Decimal(2), Decimal(8), Decimal("0.5"))
    cost, price = Tariff("gpt-4o", "https://api.openai.com/v1", own=own).cost(
        Usage(1_000_000, 100_000, cached_tokens=400_000)
    )
    assert cost == Decimal("1.2") + Decimal("0.2") + Decimal("0.8")
    assert price == {"prompt": "2", "completion": "8", "cached": "0.5", "source": "catalogue"}


def test_without_a_price_of_their_own_cached_tokens_cost_what_the_others_do() -> None:
    assert Price(Decimal(2), Decimal(8)).of(Usage(1_000_000, 0, cached_tokens=400_000)) == 2


@pytest.mark.parametrize(
    "tariff",
    [
        Tariff("gpt-4o", "http://127.0.0.1:8000/v1"),
        Tariff("gpt-4o", "http://gpu-box/v1"),
        Tariff("gpt-4o", "https://llm.example.org/v1"),
        Tariff("no-such-model", "https://api.openai.com/v1"),
    ],
)
def test_nothing_is_guessed_where_no_price_is_known(tariff: Tariff) -> None:
    assert tariff.cost(Usage(1000, 1000)) == (None, {})
    assert tariff.price() is None


def test_a_gateway_can_be_said_to_cost_what_somebody_else_does() -> None:
    there = Tariff("gpt-4o-mini", "https://api.openai.com/v1").cost(Usage(1000, 1000))[0]
    assert there is not None
    assert (
        Tariff("gpt-4o-mini", "http://127.0.0.1:9/v1", listed_as="openai").cost(Usage(1000, 1000))[0] == there
    )


def test_impossible_counts_have_no_price_and_raise_nothing() -> None:
    cost, _ = Tariff("gpt-4o-mini", "https://api.openai.com/v1").cost(Usage(10, 10, cached_tokens=99))
    assert cost is not None


@pytest.mark.parametrize(
    ("base_url", "may"),
    [
        ("https://api.openai.com/v1", True),
        ("http://127.0.0.1:11434/v1", False),
        ("http://10.0.0.7/v1", False),
        ("http://localhost/v1", False),
        ("", False),
    ],
)
def test_the_library_is_not_loaded_for_a_machine_of_ones_own(base_url: str, may: bool) -> None:
    assert may_be_listed(base_url) is may
