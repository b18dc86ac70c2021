from __future__ import annotations

import subprocess
import sys

import pytest

from chat import counting
from chat.policy import get_policy

TEXT = "Tokenisers split text into pieces; 数え方は模型ごとに違う。 " * 20

pytest.importorskip("bpe_openai")


@pytest.mark.parametrize(
    ("model", "count"),
    [
        ("gpt-4o-mini", 6),
        ("openai/gpt-5-mini", 6),
        ("o3", 6),
        ("gpt-4-turbo", 6),
        ("gpt-3.5-turbo", 6),
        ("gpt-oss-120b", 6),
        # Not OpenAI's: guessed.
        ("llama3.2", 8),
        ("o3o", 8),
        ("gpt-4all", 8),
    ],
)
def test_a_known_vocabulary_counts_and_the_rest_is_guessed(model: str, count: int) -> None:
    assert counting.counter_of(model)("Hello there, how are you") == count


def test_the_two_vocabularies_differ() -> None:
    assert counting.counter_of("gpt-4o")(TEXT) != counting.counter_of("gpt-4")(TEXT)


def test_what_is_no_text_for_a_tokenizer_is_counted_all_the_same() -> None:
    for text in ("", "<|endoftext|>", "\ufffd\ufdd0", "a" * 50_000, "\u200d" * 100):
        assert counting.counter_of("gpt-4o")(text) >= (1 if text else 0)


def test_a_guess_is_never_below_the_count() -> None:
    for model in ("gpt-4o", "gpt-4"):
        assert counting.estimate(TEXT) >= counting.counter_of(model)(TEXT)


def test_the_policy_hands_the_counter_out() -> None:
    assert get_policy().get_token_counter("gpt-4o")("Hello there") == 2


def test_no_vocabulary_is_loaded_before_it_is_needed() -> None:
    code = "import sys, chat.counting as c; c.counter_of('llama')('x'); sys.exit('bpe_openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
