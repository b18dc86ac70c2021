"""What models there are for whom: the rows of the catalogue, or the settings where it has none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec

from .conf import Provider, settings
from .models import ChatModel
from .prepared import Select
from .upstream.choice import CHEAP, FAST
from .upstream.prices import Price, Tariff
from .upstream.target import Target

#: The aliases that every site has, and by what they choose.
AUTO = {"auto-best": "", "auto-fast": FAST, "auto-cheap": CHEAP}
_looked: ContextVar[dict[Any, Catalogue] | None] = ContextVar("looked", default=None)


class Offer(msgspec.Struct, frozen=True):
    """One model on offer. Its name on the wire is the target's."""

    target: Target
    label: str
    description: str = ""
    capabilities: dict[str, bool] = {}
    fallbacks: tuple[str, ...] = ()
    listed: bool = True

    @property
    def name(self) -> str:
        return self.target.name

    @property
    def spellings(self) -> tuple[str, str]:
        """All names that it goes by."""
        return f"{self.target.provider}/{self.target.model}", self.target.model


class Catalogue(msgspec.Struct, frozen=True):
    """What is on offer to somebody, in the operator's order.

    `closed` says that rows decide: what is not among `offers` is not to be had. Else a name that the settings
    do not list may be passed on to a provider that lists none.
    """

    offers: list[Offer]
    closed: bool = False

    @property
    def names(self) -> list[str]:
        return [offer.name for offer in self.offers]

    def find(self, name: str) -> Offer | None:
        """The offer that `name` means: its own name, `provider/model`, or the model's name alone."""
        for offer in self.offers:
            if name == offer.name:
                return offer
        return next((offer for offer in self.offers if name in offer.spellings), None)


@contextmanager
def one_look() -> Iterator[None]:
    """Inside, the catalogue is read once for each user."""
    token = _looked.set({})
    try:
        yield
    finally:
        _looked.reset(token)


_enabled = Select(ChatModel, lambda: ChatModel.objects.filter(enabled=True))


def catalogue(user: Any) -> Catalogue:
    """The models on offer to `user`."""
    looked = _looked.get()
    key = getattr(user, "pk", None)
    if looked is not None and key in looked:
        return looked[key]
    rows = _enabled()
    found = Catalogue(_of_rows(rows, user), closed=True) if rows else Catalogue(_of_settings())
    if looked is not None:
        looked[key] = found
    return found


def tariff(alias: str, model: str, own: Price | None = None) -> Tariff:
    """Where the price of a provider's model is to be looked for."""
    provider = settings.PROVIDERS.get(alias, _UNKNOWN)
    return Tariff(model, provider.BASE_URL, provider.PRICED_AS, own)


def tariff_of_row(alias: str, model: str) -> Tariff:
    """The same with the prices that stand in the catalogue, for those that have lost their target."""
    row = next(iter(_row_of(provider=alias, name=model)), None)
    return tariff(alias, model, None if row is None else _own_price(row))


_row_of = Select(ChatModel, lambda provider, name: ChatModel.objects.filter(provider=provider, name=name)[:1])


def target(
    name: str, alias: str, model: str, provider: Provider, *, window: int = 0, own: Price | None = None
) -> Target:
    """A model of a provider, with where its price is to be found."""
    return Target(name, alias, model, tariff(alias, model, own), window or provider.CONTEXT_TOKENS)


_UNKNOWN = Provider(BASE_URL="")


def _of_settings() -> list[Offer]:
    found: list[Offer] = []
    for alias, provider in settings.PROVIDERS.items():
        capabilities = dict.fromkeys(provider.CAPABILITIES, True)
        for model in provider.MODELS:
            # As before there was a catalogue: the first provider that has it, under its plain name.
            taken = any(offer.name == model for offer in found)
            name = f"{alias}/{model}" if taken else model
            found.append(Offer(target(name, alias, model, provider), model, capabilities=capabilities))
    return found


def _of_rows(rows: list[ChatModel], user: Any) -> list[Offer]:
    limited: dict[int, set[int]] = {}
    through = ChatModel.groups.through.objects.filter(chatmodel__in=[row.pk for row in rows])
    for limited_row, group in through.values_list("chatmodel_id", "group_id"):
        limited.setdefault(limited_row, set()).add(group)
    mine: set[int] = set()
    if limited and getattr(user, "pk", None) is not None:
        mine = set(user.groups.values_list("pk", flat=True))
    found = []
    for row in rows:
        provider = settings.PROVIDERS.get(row.provider)
        if provider is None or (row.pk in limited and not limited[row.pk] & mine):
            continue
        found.append(
            Offer(
                target(
                    str(row),
                    row.provider,
                    row.name,
                    provider,
                    window=row.context_tokens,
                    own=_own_price(row),
                ),
                row.label or row.name,
                row.description,
                {name: bool(value) for name, value in row.capabilities.items()},
                tuple(name for name in row.fallbacks if isinstance(name, str)),
                row.listed,
            )
        )
    return found


def _own_price(row: ChatModel) -> Price | None:
    if row.prompt_price is None or row.completion_price is None:
        return None
    return Price(row.prompt_price, row.completion_price, row.cached_price)
