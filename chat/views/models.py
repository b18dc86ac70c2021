"""`api/models/`: what the user may choose from."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from .. import offering
from ..conf import settings
from ..engine.running import runners
from ..offering import Offer
from ..policy import get_policy
from .doors import json_response, owner_of, refusing


@require_safe
@refusing
def models(request: HttpRequest) -> HttpResponse:
    """The models on offer, in the operator's order, then the aliases where there is something to choose."""
    owner_of(request)
    policy = get_policy()
    with offering.one_look():
        catalogue = offering.catalogue(request.user)
        names = policy.get_models(request.user)
        aliases = policy.get_aliases(request.user)
        default = policy.get_model(request.user)
    offers = [(name, catalogue.find(name)) for name in names or ([default] if default else [])]
    results = [
        _model(name, offer) if offer is not None else _entry(name, label=name) for name, offer in offers
    ]
    available = {result["name"] for result in results if result["available"]}
    for name, members in aliases.items():
        if len(members) > 1 or name in settings.ALIASES:
            label, description = _WORDS[name]() if name in _WORDS else (name, "")
            usable = name in settings.ALIASES or bool(available & set(members))
            results.append(_entry(name, label=label, description=description, available=usable))
    for result in results:
        result["default"] = result["name"] == default
    return json_response({"results": results})


def _model(name: str, offer: Offer) -> dict[str, Any]:
    target = offer.target
    price = target.tariff.price()
    provider = settings.PROVIDERS[target.provider]
    return _entry(
        name,
        label=offer.label,
        provider=provider.LABEL or target.provider,
        description=offer.description,
        capabilities=offer.capabilities,
        context_tokens=target.window or None,
        price=price.shown() if price is not None else None,
        available=offer.listed and all(runner.health.allows(target) for runner in runners()),
    )


def _entry(name: str, **fields: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {
        "name": name,
        "label": name,
        "provider": "",
        "description": "",
        "capabilities": {},
        "context_tokens": None,
        "price": None,
        "default": False,
        "available": True,
    }
    return nothing | fields


_WORDS = {
    "auto-best": lambda: (_("Best"), _("The first model in the list that is in order")),
    "auto-fast": lambda: (_("Fastest"), _("The model that has begun to answer soonest lately")),
    "auto-cheap": lambda: (_("Cheapest"), _("The model with the lowest price")),
}
