"""Whom an answer can be asked of."""

from __future__ import annotations

import msgspec

from .prices import Tariff


class Target(msgspec.Struct, frozen=True):
    """Whom an answer is asked of: a provider, and a model in its own words.

    `name` is the model's name on the wire; `window` the tokens that prompt and answer may take together, 0
    where that is not known.
    """

    name: str
    provider: str
    model: str
    tariff: Tariff
    window: int = 0
