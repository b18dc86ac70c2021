"""What each attempt took, on its way into the ledger."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from ..models import Owner, UsageRecord
from ..offering import tariff_of_row
from ..prepared import Insert
from ..upstream.prices import Tariff
from ..upstream.types import Usage

#: As the columns hold the name of a model; a fallback's has its provider's before it.
MAX_NAME = 200
#: Of a dollar, as the columns hold it.
_SMALLEST = Decimal("1e-9")


class Attempt(msgspec.Struct):
    """One request to a provider and what became of it; the times are milliseconds from the request on."""

    provider: str
    model: str
    status: str
    usage: Usage
    error_code: str = ""
    #: The provider sent no figures.
    estimated: bool = False
    first_token_ms: int | None = None
    total_ms: int | None = None
    #: Where its price is to be found; None: the catalogue has to be asked.
    tariff: Tariff | None = None
    #: None where no price is known.
    cost: Decimal | None = None
    price: dict[str, Any] = {}


def settle(attempts: list[Attempt]) -> None:
    """Sets what each of them cost, at the prices of now. May ask the database."""
    for attempt in attempts:
        tariff = attempt.tariff or tariff_of_row(attempt.provider, attempt.model)
        cost, attempt.price = tariff.cost(attempt.usage)
        attempt.cost = None if cost is None else cost.quantize(_SMALLEST, ROUND_HALF_UP)


_insert_records = Insert(UsageRecord)


def record(generation: int, owner: Owner, door: str, attempts: list[Attempt]) -> None:
    """Writes the attempts of one generation, in their order. Belongs into the transaction of its end."""
    if not attempts:
        return
    _insert_records(
        *(
            UsageRecord(
                **owner.fields,
                generation_id=generation,
                door=door,
                attempt=number,
                provider=attempt.provider,
                model=attempt.model[:MAX_NAME],
                status=attempt.status,
                error_code=attempt.error_code,
                prompt_tokens=attempt.usage.prompt_tokens,
                cached_tokens=attempt.usage.cached_tokens,
                completion_tokens=attempt.usage.completion_tokens,
                reasoning_tokens=attempt.usage.reasoning_tokens,
                estimated=attempt.estimated,
                cost=attempt.cost,
                price=attempt.price,
                first_token_ms=attempt.first_token_ms,
                total_ms=attempt.total_ms,
            )
            for number, attempt in enumerate(attempts, start=1)
        )
    )


def total_cost(attempts: list[Attempt]) -> Decimal | None:
    """What they cost together; None where no price is known of any."""
    costs = [attempt.cost for attempt in attempts if attempt.cost is not None]
    return sum(costs, Decimal(0)) if costs else None


def total_usage(attempts: list[Attempt]) -> tuple[int, int, bool]:
    """Prompt and completion tokens of all, and whether some of them are estimates."""
    return (
        sum(attempt.usage.prompt_tokens for attempt in attempts),
        sum(attempt.usage.completion_tokens for attempt in attempts),
        any(attempt.estimated for attempt in attempts),
    )
