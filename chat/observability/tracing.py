"""OpenTelemetry spans by the conventions for generative AI, with the optional extra `otel`.

They are made at an answer's end with the times that were measured. No prompt and no answer is in them.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .answers import Answer, Attempt

_MS = 1_000_000


@lru_cache(maxsize=1)
def _api() -> Any:
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    return trace


def trace(answer: Answer) -> None:
    """A span for the answer, with one below it for each request to a provider."""
    if (api := _api()) is None:
        return
    tracer = api.get_tracer("llmchat")
    end = time.time_ns()
    start = end - answer.timings.get("total", 0) * _MS
    attributes: dict[str, Any] = {
        "llmchat.generation": answer.generation,
        "llmchat.door": answer.door,
        "llmchat.status": answer.status,
    }
    if answer.conversation is not None:
        attributes["gen_ai.conversation.id"] = str(answer.conversation)
    span = tracer.start_span("llmchat answer", start_time=start, attributes=attributes)
    if not span.is_recording():
        return
    if answer.error_code:
        _fail(api, span, answer.error_code)
    parent = api.set_span_in_context(span)
    # One follows the other, and the last one ends with the answer.
    until = end
    spans = []
    for attempt in reversed(answer.attempts):
        began = max(start, until - (attempt.total_ms or 0) * _MS)
        spans.append((attempt, began, until))
        until = began
    for number, (attempt, began, ended) in enumerate(reversed(spans), start=1):
        _trace_attempt(api, tracer, parent, answer, attempt, number, began, ended)
    span.end(end_time=end)


def _trace_attempt(
    api: Any, tracer: Any, parent: Any, answer: Answer, attempt: Attempt, number: int, start: int, end: int
) -> None:
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": attempt.provider,
        "gen_ai.request.model": attempt.model,
        "gen_ai.usage.input_tokens": attempt.usage.prompt_tokens,
        "gen_ai.usage.output_tokens": attempt.usage.completion_tokens,
        "llmchat.attempt": number,
    }
    if answer.finish_reason and number == len(answer.attempts):
        attributes["gen_ai.response.finish_reasons"] = (answer.finish_reason,)
    if attempt.first_token_ms is not None:
        attributes["llmchat.first_token_ms"] = attempt.first_token_ms
    span = tracer.start_span(
        f"chat {attempt.model}",
        context=parent,
        kind=api.SpanKind.CLIENT,
        start_time=start,
        attributes=attributes,
    )
    if attempt.error_code:
        _fail(api, span, attempt.error_code)
    span.end(end_time=end)


def _fail(api: Any, span: Any, code: str) -> None:
    span.set_attribute("error.type", code)
    span.set_status(api.Status(api.StatusCode.ERROR))
