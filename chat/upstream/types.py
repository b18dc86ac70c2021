"""What goes to a provider and what comes back from it."""

from __future__ import annotations

from typing import Any

import msgspec

from .errors import UpstreamError


class Endpoint(msgspec.Struct, frozen=True):
    """One OpenAI-compatible service; `base_url` is the operator's word and is not checked.

    `connect_timeout` (seconds) covers name, TCP and TLS. The caps are bytes: of one line, of one event (or of
    one JSON body that came instead of a stream). A stream that exceeds one ends in `upstream_protocol`.
    """

    alias: str
    base_url: str
    api_key: str = ""
    headers: dict[str, str] = {}
    connect_timeout: float = 5.0
    #: Whether `<think>…</think>` at the beginning of an answer is reasoning.
    think_tags: bool = True
    max_line_bytes: int = 1 << 20
    max_event_bytes: int = 1 << 20


class ChatRequest(msgspec.Struct, frozen=True):
    """One request for a completion; `options` are further fields of its body (temperature, tools…)."""

    model: str
    messages: list[dict[str, Any]]
    options: dict[str, Any] = {}


class Usage(msgspec.Struct, frozen=True):
    """Tokens as the provider counted them."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class Delta(msgspec.Struct, frozen=True):
    """What one event added to the answer; the strings can be stored anywhere (no NUL, no lone surrogate)."""

    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    tool_calls: list[dict[str, Any]] | None = None

    @property
    def has_content(self) -> bool:
        """Whether it moves the answer on: text, reasoning or a tool call."""
        return bool(self.text or self.reasoning or self.tool_calls)


class Ended(msgspec.Struct, frozen=True):
    """How a stream ended; `error` is None exactly when the answer is complete.

    `done` says that `[DONE]` was seen.
    """

    finish_reason: str | None
    done: bool
    error: UpstreamError | None
