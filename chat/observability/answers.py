"""The end of an answer, as log, metrics and traces get to know it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from . import metrics, tracing

logger = logging.getLogger("llmchat.answers")


class Attempt(Protocol):
    """One request to a provider; the ledger's has these fields."""

    provider: str
    model: str
    status: str
    error_code: str
    estimated: bool
    first_token_ms: int | None
    total_ms: int | None
    cost: Decimal | None
    usage: Any


class Answer(msgspec.Struct):
    """What became of an answer; times are milliseconds."""

    generation: int
    door: str
    status: str
    model: str
    provider: str
    finish_reason: str = ""
    error_code: str = ""
    reason: str = ""
    reference: str = ""
    conversation: Any = None
    timings: dict[str, int] = {}
    attempts: Sequence[Attempt] = ()


def answered(answer: Answer) -> None:
    """Tells all that listen. Raises nothing: whoever watches must not hurt what is watched."""
    try:
        if logger.isEnabledFor(logging.INFO):
            logger.info("answered", extra=fields(answer))
        metrics.count(answer)
        tracing.trace(answer)
    except Exception:
        logger.exception("an answer could not be reported")


def fields(answer: Answer) -> dict[str, Any]:
    """The figures of an answer by name, for a structured log line."""
    attempts = answer.attempts
    costs = [attempt.cost for attempt in attempts if attempt.cost is not None]
    return {
        "event": "answered",
        "generation": answer.generation,
        "conversation": str(answer.conversation) if answer.conversation is not None else None,
        "door": answer.door,
        "status": answer.status,
        "provider": answer.provider,
        "model": answer.model,
        "finish_reason": answer.finish_reason or None,
        "error_code": answer.error_code or None,
        "reason": answer.reason or None,
        "reference": answer.reference or None,
        "attempts": len(attempts),
        "prompt_tokens": sum(attempt.usage.prompt_tokens for attempt in attempts),
        "completion_tokens": sum(attempt.usage.completion_tokens for attempt in attempts),
        "cost": f"{sum(costs, Decimal(0)):f}" if costs else None,
        "first_token_ms": answer.timings.get("first_token"),
        "total_ms": answer.timings.get("total"),
    }
