"""How many tokens a text takes: counted where a model's vocabulary is at hand, guessed high elsewhere.

The vocabularies of OpenAI's models come with `pip install "django-llmchat[tokens]"`; nothing is fetched.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

Counter = Callable[[str], int]

#: Which models read with which vocabulary; a provider's prefix before the last slash does not matter.
_VOCABULARIES = (
    ("o200k_base", re.compile(r"(?:gpt-(?:4o|4\.[15]|[5-9]|oss)|chatgpt-4o|o[1-9])(?![a-z0-9])")),
    ("cl100k_base", re.compile(r"gpt-(?:4|3\.5|35)(?![a-z0-9])")),
)


def estimate(text: str) -> int:
    """A third of its UTF-8 bytes.

    Byte-pair vocabularies need about a quarter for English and up to a third for CJK.
    """
    return len(text.encode()) // 3


def counter_of(model: str) -> Counter:
    """What counts the tokens of `model`."""
    name = model.rpartition("/")[2].lower()
    for vocabulary, pattern in _VOCABULARIES:
        if pattern.match(name):
            return _exact(vocabulary) or estimate
    return estimate


@cache
def _exact(vocabulary: str) -> Counter | None:
    """A counter with this vocabulary; None where its package is not installed."""
    if find_spec("bpe_openai") is None:
        return None
    with warnings.catch_warnings():
        # It reads its data in a way that some Pythons warn of, and all have again since 3.13.
        warnings.simplefilter("ignore", DeprecationWarning)
        # It takes most of a second, and 100 MB.
        import bpe_openai

    encode = bpe_openai.get_encoding(vocabulary).encode_ordinary
    return lambda text: len(encode(text))
