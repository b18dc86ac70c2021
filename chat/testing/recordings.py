"""Answers in the shapes of six kinds of providers, byte for byte, and what they say."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec

_NAMES = ("openai", "deepseek", "vllm", "ollama", "llamacpp", "gateway")


class Recording(msgspec.Struct, frozen=True):
    """The body of one answer; `usage` is prompt, completion, cached and reasoning tokens."""

    name: str
    body: bytes
    text: str
    reasoning: str
    finish_reason: str
    done: bool
    usage: tuple[int, int, int, int]


@cache
def recordings() -> tuple[Recording, ...]:
    """All recorded answers."""
    folder = resources.files(__package__) / "recorded"
    found = []
    for name in _NAMES:
        expected = msgspec.json.decode((folder / f"{name}.json").read_bytes())
        body = (folder / f"{name}.sse").read_bytes()
        found.append(msgspec.convert({"name": name, **expected, "body": body}, Recording))
    return tuple(found)
