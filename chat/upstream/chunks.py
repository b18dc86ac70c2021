"""One server-sent event of a chat completion to one `Delta`, whatever dialect the provider speaks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from .errors import UpstreamError, of_event, redact
from .sse import Event
from .storable import Mender, mend, mend_all
from .thinking import ThoughtSplitter
from .types import Delta, Usage

#: Far more than any model counts; keeps a column from overflowing.
_MAX_TOKENS = 2**31 - 1
_MAX_FINISH_REASON = 32
#: Events of these names only keep the connection warm.
_HEARTBEATS = frozenset({b"ping", b"heartbeat", b"keepalive", b"keep-alive"})
_UNUSUAL_NAMES = _HEARTBEATS | {b"error"}
_FINISH_REASONS = {
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "safety": "content_filter",
    "sensitive": "content_filter",
}
#: The provider's way to say, in a finish_reason, that it gave up.
_FAILURES = frozenset({"error", "abort", "network_error", "insufficient_system_resource"})


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[dict[str, Any]] | None = None


class _Choice(msgspec.Struct, gc=False):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice]
    usage: dict[str, Any] | None = None
    error: None = None


_decode = msgspec.json.Decoder(_Chunk).decode


class ChunkDecoder:
    """Decodes the events of one answer, in order, and knows how far it has come."""

    def __init__(self, secrets: Iterable[str] = (), *, think_tags: bool = True) -> None:
        self._secrets = tuple(secrets)
        self._thoughts = ThoughtSplitter() if think_tags else None
        self._text = Mender()
        self._reasoning = Mender()
        #: The last finish_reason said, in OpenAI's words where the meaning is known.
        self.finish_reason: str | None = None
        #: Whether `[DONE]` was seen.
        self.done = False
        #: Set when a finish_reason said that the provider gave up.
        self.failure: UpstreamError | None = None
        #: Whether text, reasoning or a tool call was seen.
        self.has_content = False

    def decode(self, event: Event) -> Delta | None:
        """What the event adds, None when that is nothing. Raises UpstreamError."""
        try:
            chunk = None if event.name in _UNUSUAL_NAMES else _decode(event.data)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            chunk = None
        if chunk is None:
            return self._decode_unusual(event.data, event.name)
        for choice in chunk.choices:
            if choice.index == 0:
                break
        else:
            return self._delta("", "", None, None, chunk.usage)
        delta = choice.delta
        if delta is None:
            return self._decode_unusual(event.data)
        return self._delta(
            delta.content or delta.refusal,
            delta.reasoning_content or delta.reasoning,
            delta.tool_calls,
            choice.finish_reason,
            chunk.usage,
        )

    def decode_document(self, body: bytes) -> Delta | None:
        """The same for a whole completion that came as one JSON document instead of a stream."""
        return self._decode_unusual(body)

    def finish(self) -> Delta | None:
        """What was held back, and U+FFFD for half a character whose other half never came."""
        text, reasoning = self._text.finish(), self._reasoning.finish()
        if self._thoughts is not None:
            thought, said = self._thoughts.feed(text)
            rest = self._thoughts.finish()
            text, reasoning = said + rest[1], reasoning + thought + rest[0]
        return Delta(text=text, reasoning=reasoning) if text or reasoning else None

    def _decode_unusual(self, data: bytes, name: bytes = b"") -> Delta | None:
        """All that the typed decoder refuses: the end, errors, unexpected types, lone surrogates."""
        data = data.strip()
        if not data or name in _HEARTBEATS:
            return None
        if data == b"[DONE]":
            self.done = True
            return None
        try:
            chunk = json.loads(data.decode(), strict=False)
        except (ValueError, RecursionError):
            chunk = None
        if not isinstance(chunk, dict):
            raise UpstreamError("upstream_protocol", log_detail=redact(_start_of(data), self._secrets))
        if error := _error_of(chunk, name):
            raise of_event(error, self._secrets)
        choice = _first_choice(chunk)
        delta = choice.get("delta") or choice.get("message")
        if not isinstance(delta, dict):
            delta = {"content": choice.get("text")}
        text, thought = _content_of(delta.get("content"))
        calls = delta.get("tool_calls")
        return self._delta(
            text or _string(delta.get("refusal")),
            thought or _string(delta.get("reasoning_content")) or _string(delta.get("reasoning")),
            [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else None,
            _string(choice.get("finish_reason")),
            chunk.get("usage"),
        )

    def _delta(
        self,
        text: str | None,
        reasoning: str | None,
        tool_calls: list[dict[str, Any]] | None,
        finish_reason: str | None,
        usage: Any,
    ) -> Delta | None:
        if text or reasoning or tool_calls:
            self.has_content = True
        text = self._text.feed(text) if text else ""
        reasoning = self._reasoning.feed(reasoning) if reasoning else ""
        if self._thoughts is not None and text:
            thought, text = self._thoughts.feed(text)
            reasoning += thought
            if self._thoughts.over:
                self._thoughts = None
        if not finish_reason:
            finish_reason = None
        else:
            finish_reason = _in_openai_words(finish_reason)
            if finish_reason in _FAILURES:
                self.failure = UpstreamError("upstream_error", log_detail=f"finish_reason {finish_reason}")
                finish_reason = None
            else:
                self.finish_reason = finish_reason
        counted = _usage_of(usage) if usage else None
        if not (text or reasoning or tool_calls or finish_reason or counted):
            return None
        return Delta(text, reasoning, finish_reason, counted, mend_all(tool_calls) if tool_calls else None)


def _error_of(chunk: dict[str, Any], name: bytes) -> Any:
    if error := chunk.get("error"):
        return error
    if name == b"error" or "error" in (chunk.get("object"), chunk.get("type")):
        return chunk
    # What web frameworks answer: {"detail": "…"}, {"message": "…"}.
    return chunk if "choices" not in chunk and (chunk.get("detail") or chunk.get("message")) else None


def _first_choice(chunk: dict[str, Any]) -> dict[str, Any]:
    choices = chunk.get("choices")
    if isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, dict) and not choice.get("index"):
                return choice
    return {}


def _content_of(content: Any) -> tuple[str, str]:
    """Text and reasoning of a content that is a string, or a list of typed parts."""
    if not isinstance(content, list):
        return _string(content), ""
    texts, thoughts = [], []
    for part in content:
        if isinstance(part, dict):
            texts.append(_string(part.get("text")))
            thoughts.append("".join(_content_of(part.get("thinking"))))
    return "".join(texts), "".join(thoughts)


def _usage_of(usage: Any) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    prompt = usage.get("prompt_tokens", usage.get("input_tokens"))
    completion = usage.get("completion_tokens", usage.get("output_tokens"))
    if prompt is None and completion is None:
        return None
    of_prompt, of_completion = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    cached = (
        of_prompt.get("cached_tokens")
        if isinstance(of_prompt, dict)
        else usage.get("prompt_cache_hit_tokens")
    )
    thought = of_completion.get("reasoning_tokens") if isinstance(of_completion, dict) else None
    return Usage(_count(prompt), _count(completion), _count(cached), _count(thought))


def _count(tokens: Any) -> int:
    if not isinstance(tokens, int | float) or not 0 <= tokens <= _MAX_TOKENS:
        return 0
    return int(tokens)


def _in_openai_words(finish_reason: str) -> str:
    reason = mend(finish_reason[:_MAX_FINISH_REASON]).lower()
    return _FINISH_REASONS.get(reason, reason)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _start_of(data: bytes) -> str:
    return data[:1000].decode(errors="replace")
