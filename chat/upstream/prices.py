"""What tokens cost: the operator's own prices, else those that `genai-prices` knows (an optional extra)."""

from __future__ import annotations

import ipaddress
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import msgspec

from .types import Usage

_MILLION = Decimal(1_000_000)


class Price(msgspec.Struct, frozen=True):
    """US dollars per million tokens; `cached` are prompt tokens that the provider had read before."""

    prompt: Decimal
    completion: Decimal
    cached: Decimal | None = None

    def of(self, usage: Usage) -> Decimal:
        """What so many tokens cost."""
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        cheaper = self.prompt if self.cached is None else self.cached
        prompt = (usage.prompt_tokens - cached) * self.prompt + cached * cheaper
        return (prompt + usage.completion_tokens * self.completion) / _MILLION

    def snapshot(self, source: str) -> dict[str, str]:
        """For a row: what the price was when something was paid, and whose word that is."""
        cached = {} if self.cached is None else {"cached": _plain(self.cached)}
        return {**self.shown(), **cached, "source": source}

    def shown(self) -> dict[str, str]:
        """For the wire: without cents that nobody needs."""
        return {"prompt": _plain(self.prompt), "completion": _plain(self.completion)}


class Tariff(msgspec.Struct, frozen=True):
    """Where the price of a model is to be looked for.

    `own` is the operator's word and counts alone. Else the library is asked: for the provider of that id
    (`listed_as`), or the one that it knows by `base_url`. Of an address it does not know, nothing is guessed.
    """

    model: str
    base_url: str
    listed_as: str = ""
    own: Price | None = None

    def cost(self, usage: Usage) -> tuple[Decimal | None, dict[str, str]]:
        """What so many tokens cost now, and the price behind it; (None, {}) where no price is known."""
        if self.own is not None:
            return self.own.of(usage), self.own.snapshot("catalogue")
        found = _calculate(self, usage)
        if found is None:
            return None, {}
        price = _price_of(found.model_price)
        source = f"genai-prices {_version()}"
        return found.total_price, {"source": source} if price is None else price.snapshot(source)

    def price(self) -> Price | None:
        """The price of short prompts; None where none is known."""
        return self.own or _listed(self)[0]

    def context_tokens(self) -> int:
        """The context window that the library knows of; 0 for none."""
        return _listed(self)[1]


def warm() -> None:
    """Loads the library now, for who does not want to wait for it later: it takes a quarter of a second."""
    _calculate(Tariff("gpt-4o", "https://api.openai.com/v1"), Usage(1, 1))


def may_be_listed(base_url: str, listed_as: str = "") -> bool:
    """Whether the library is worth asking: nobody lists a machine of one's own."""
    host = urlsplit(base_url).hostname or ""
    try:
        return bool(listed_as) or ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host


@lru_cache(maxsize=1024)
def _listed(tariff: Tariff) -> tuple[Price | None, int]:
    found = _calculate(tariff, Usage(1, 1))
    if found is None:
        return None, 0
    return _price_of(found.model_price), found.model.context_window or 0


def _calculate(tariff: Tariff, usage: Usage) -> Any:
    library = _library() if may_be_listed(tariff.base_url, tariff.listed_as) else None
    if library is None or not _is_known(tariff.listed_as, tariff.base_url):
        return None
    where = {"provider_id": tariff.listed_as} if tariff.listed_as else {"provider_api_url": tariff.base_url}
    counted = library.Usage(
        input_tokens=usage.prompt_tokens,
        cache_read_tokens=min(usage.cached_tokens, usage.prompt_tokens),
        output_tokens=usage.completion_tokens,
    )
    try:
        return library.calc_price(counted, tariff.model, **where)
    except (LookupError, ValueError, InvalidOperation):
        return None


@lru_cache(maxsize=64)
def _is_known(listed_as: str, base_url: str) -> bool:
    """Whether the library lists the provider. It would remember each name that it was asked for in vain."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        get_snapshot().find_provider(None, listed_as or None, None if listed_as else base_url)
    except LookupError:
        return False
    return True


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def _price_of(listed: Any) -> Price | None:
    prompt, completion = _base(listed.input_mtok), _base(listed.output_mtok)
    if prompt is None or completion is None:
        return None
    return Price(prompt, completion, _base(listed.cache_read_mtok))


def _base(price: Any) -> Decimal | None:
    """A price may rise with the length of the prompt; this is where it begins."""
    base = getattr(price, "base", price)
    return base if isinstance(base, Decimal) else None


@lru_cache(maxsize=1)
def _library() -> Any:
    # Some megabytes: not before somebody asks for a price.
    try:
        import genai_prices
    except ImportError:
        return None
    return genai_prices


@lru_cache(maxsize=1)
def _version() -> str:
    return str(getattr(_library(), "__version__", ""))
