"""Tokens that carry the time they were written at, so that every reader knows how late it has them.

A token is five bytes, as English ones are on average: four digits to the base of 36, and a space.
"""

from __future__ import annotations

TOKEN_CHARS = 5
#: Of the clock that all processes of a machine share, `time.monotonic()`.
_UNITS_PER_SECOND = 10_000
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]
#: After so many units, 168 seconds, the stamps begin anew.
_PERIOD = len(_PAIRS) ** 2


def stamp(now: float) -> str:
    """A token written at monotonic time `now`."""
    high, low = divmod(int(now * _UNITS_PER_SECOND) % _PERIOD, len(_PAIRS))
    return f"{_PAIRS[high]}{_PAIRS[low]} "


def ages(text: str, now: float) -> list[float]:
    """How many seconds ago, at monotonic time `now`, each of the tokens in `text` was written."""
    units = int(now * _UNITS_PER_SECOND)
    return [((units - int(token, 36)) % _PERIOD) / _UNITS_PER_SECOND for token in text.split()]
