"""Whom to ask: the order among several, what comes after a failure, and how long to wait before a retry."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal

from .errors import UpstreamError
from .health import Health
from .target import Target

#: What `by` may be; an order of one's own has no name.
CHEAP, FAST = "cheap", "fast"
#: With somebody else to ask, nobody waits longer than so many seconds.
IMPATIENCE = 2.0
_DEAR = Decimal("Infinity")
_TRANSIENT = frozenset({"upstream_unreachable", "upstream_rate_limited", "upstream_error"})
_BREAKS = _TRANSIENT | {"upstream_protocol", "upstream_timeout"}
_TRANSIENT_STATUS = frozenset({408, 409, 425, 429})


def rank(targets: Sequence[Target], health: Health, by: str = "", kept: str = "") -> list[Target]:
    """All `targets`: the cheapest first, the fastest, or as they stand; the healthy before the others.

    `kept` names the one that a conversation is with; it stays first while it is healthy. Of equal ones the
    order stays. One that was never measured counts as fast, or it would never be.
    """

    def key(target: Target) -> tuple[bool, bool, Decimal | float]:
        value: Decimal | float = 0.0
        if by == CHEAP:
            price = target.tariff.price()
            # One number to compare by: three tokens read for one written.
            value = _DEAR if price is None else (3 * price.prompt + price.completion) / 4
        elif by == FAST:
            value = health.latency(target) or 0.0
        return not health.allows(target), target.name != kept, value

    return sorted(targets, key=key)


def may_retry(error: UpstreamError) -> bool:
    """Whether the same provider may do better at once; with a wrong key it will not."""
    if error.status is not None and error.status < 500:
        return error.status in _TRANSIENT_STATUS
    return error.code in _TRANSIENT or (error.code == "upstream_protocol" and error.broke_off)


def may_fall_back(error: UpstreamError) -> bool:
    """Whether another provider may do better: not with what the first one declined to talk about."""
    return error.code != "content_filtered"


def may_resume(error: UpstreamError) -> bool:
    """Whether an answer that ended in it may be continued: it broke, nobody objected to what it said."""
    return error.code in _BREAKS


def pause(error: UpstreamError, retry: int, base: float, longest: float) -> float | None:
    """Seconds before the `retry`-th retry, from 1 on; None when the provider wants more than `longest`.

    What the provider asks for, else a random time below a ceiling that doubles from `base`.
    """
    if error.retry_after is not None:
        # A little more for each, so that not all come back at once.
        wanted = error.retry_after + random.uniform(0, min(error.retry_after / 10, 1.0))
        return wanted if error.retry_after <= longest else None
    return random.uniform(0, min(base * 2 ** (retry - 1), longest))
