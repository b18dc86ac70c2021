"""Asking providers what they have: rows for the catalogue, and a verdict that an operator understands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..conf import settings
from ..models import ChatModel
from ..offering import tariff
from ..upstream.errors import UpstreamError
from ..upstream.types import ChatRequest
from .endpoints import endpoint

if TYPE_CHECKING:
    from ..upstream.client import Clients
    from ..upstream.discovery import Listed

#: Seconds for one short answer.
ANSWER_SECONDS = 30.0


class Found(msgspec.Struct):
    """What a look at a provider's list has changed in the catalogue: names of models."""

    listed: int = 0
    new: list[str] = []
    gone: list[str] = []


class Tested(msgspec.Struct):
    """Whether a provider can be used, in a sentence for who has set it up."""

    works: bool
    verdict: str


async def ask_for_models(alias: str) -> list[Listed]:
    """What the provider lists now. Raises `UpstreamError`."""
    from ..upstream.discovery import list_models

    clients = _clients()
    try:
        return await list_models(clients, endpoint(alias))
    finally:
        await clients.aclose()


def enter(alias: str, listed: list[Listed], *, enable: bool = False) -> Found:
    """Brings the rows of a provider in line with its list.

    What the operator has written into rows stays. New ones are enabled when they are in the settings, or with
    `enable`: a gateway lists hundreds, and the first enabled row ends the reign of the settings. Rows of
    models that are no longer listed stay, and are marked.
    """
    provider = settings.PROVIDERS[alias]
    wanted = {*provider.MODELS, settings.MODEL, settings.MODEL.removeprefix(f"{alias}/")}
    now = timezone.now()
    with transaction.atomic():
        rows = {row.name: row for row in ChatModel.objects.filter(provider=alias)}
        new = [
            ChatModel(
                provider=alias,
                name=model.name,
                enabled=enable or model.name in wanted,
                capabilities=dict.fromkeys(provider.CAPABILITIES, True),
                context_tokens=model.context_tokens
                or provider.CONTEXT_TOKENS
                or tariff(alias, model.name).context_tokens(),
                listed_at=now,
            )
            for model in listed
            if model.name not in rows
        ]
        ChatModel.objects.bulk_create(new)
        names = {model.name for model in listed}
        ChatModel.objects.filter(provider=alias, name__in=names).update(listed=True, listed_at=now)
        gone = ChatModel.objects.filter(provider=alias, listed=True).exclude(name__in=names)
        missing = list(gone.values_list("name", flat=True))
        gone.update(listed=False)
    return Found(len(listed), [row.name for row in new], missing)


async def try_provider(alias: str) -> Tested:
    """Asks for the list of models: it costs nothing, and needs address, key and dialect to be right."""
    try:
        listed = await ask_for_models(alias)
    except UpstreamError as error:
        return Tested(False, explain(error))
    count = ngettext("It lists %(count)d model.", "It lists %(count)d models.", len(listed))
    return Tested(True, _("It answers, and takes the key.") + " " + count % {"count": len(listed)})


async def try_model(alias: str, model: str) -> Tested:
    """Asks for one short answer, which may cost a little."""
    clients = _clients()
    question = {"role": "user", "content": "Say OK."}
    request = ChatRequest(model=model, messages=[question], options={"max_tokens": 16})
    began = time.monotonic()
    try:
        stream = await clients.open(endpoint(alias), request)
        while not any(delta.has_content for delta in stream.take()) and stream.ended is None:
            if time.monotonic() - began > ANSWER_SECONDS:
                raise UpstreamError("upstream_timeout")
            await stream.wait()
        seconds = time.monotonic() - began
        if stream.ended is not None and stream.ended.error is not None:
            raise stream.ended.error
        await stream.aclose()
    except UpstreamError as error:
        return Tested(False, explain(error))
    finally:
        await clients.aclose()
    return Tested(True, _("It answers; the first word came after %(seconds).1f s.") % {"seconds": seconds})


def _clients() -> Clients:
    # The admin imports this module in every process, and the SDK takes longer than all of Django.
    from ..upstream.client import Clients

    return Clients()


def explain(error: UpstreamError) -> str:
    """What is wrong, and what to look at: never the provider's own words."""
    told = {
        "upstream_unreachable": _("Nobody can be reached there. Look at BASE_URL, and whether it runs."),
        "upstream_timeout": _("It does not answer in time."),
        "upstream_auth": _("It refuses the key. Look at API_KEY or API_KEY_ENV."),
        "model_unavailable": _("It does not know this address or model. Does BASE_URL end with /v1?"),
        "upstream_rate_limited": _("It takes no more requests for now: a limit or an unpaid bill."),
        "upstream_protocol": _("Somebody answers, but does not speak OpenAI's API. Look at BASE_URL."),
    }.get(error.code, _("It reports an error."))
    return f"{told} (HTTP {error.status})" if error.status is not None else told
