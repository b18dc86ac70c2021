"""`api/preferences/`: what people set for themselves."""

from __future__ import annotations

from typing import Any

import msgspec
from django.conf import settings as django_settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from ..engine.texts import prepared_note
from ..exceptions import Refused
from ..models import Owner, Preference, Preferences
from ..models.preferences import MAX_INSTRUCTIONS
from .doors import json_response, owner_of, refusing

#: A year: longer than browsers keep one.
COOKIE_AGE = 366 * 24 * 60 * 60


@require_http_methods(["GET", "HEAD", "PATCH"])
@refusing
def preferences(request: HttpRequest) -> HttpResponse:
    """All of the owner's preferences; PATCH changes those it names."""
    owner = owner_of(request)
    if request.method != "PATCH":
        return json_response(msgspec.structs.asdict(Preference.objects.of(owner)))
    changes = _parse(request)
    if "instructions" in changes:
        text = prepared_note(request.user, changes["instructions"])
        # What is longer would not be heeded.
        changes["instructions"] = text[:MAX_INSTRUCTIONS]
    changed = _change(owner, changes)
    response = json_response(msgspec.structs.asdict(changed))
    remember_language(response, changed.language)
    return response


def _parse(request: HttpRequest) -> dict[str, Any]:
    """The fields named in the request, as they are to be kept."""
    try:
        named = msgspec.json.decode(request.body, type=dict[str, Any])
        given = msgspec.structs.asdict(msgspec.json.decode(request.body, type=Preferences))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused("bad_frame") from None
    changes = {name: given[name] for name in named}
    if any("\0" in value for value in changes.values()):
        raise Refused("bad_frame")
    if (language := changes.get("language")) and language not in dict(django_settings.LANGUAGES):
        raise Refused("bad_frame")
    return changes


def _change(owner: Owner, changes: dict[str, Any]) -> Preferences:
    with transaction.atomic():
        Preference.objects.get_or_create(**owner.fields)
        row = Preference.objects.select_for_update().get(**owner.fields)
        row.values = {**row.values, **changes}
        row.save(update_fields=["values", "updated"])
    return Preference.objects.of(owner)


def remember_language(response: HttpResponse, language: str) -> None:
    """Lets Django's own way of choosing a language know, for the whole site; empty = the browser's."""
    name = django_settings.LANGUAGE_COOKIE_NAME
    if not language:
        response.delete_cookie(
            name, path=django_settings.LANGUAGE_COOKIE_PATH, domain=django_settings.LANGUAGE_COOKIE_DOMAIN
        )
        return
    response.set_cookie(
        name,
        language,
        max_age=django_settings.LANGUAGE_COOKIE_AGE or COOKIE_AGE,
        path=django_settings.LANGUAGE_COOKIE_PATH,
        domain=django_settings.LANGUAGE_COOKIE_DOMAIN,
        secure=django_settings.LANGUAGE_COOKIE_SECURE,
        httponly=django_settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=django_settings.LANGUAGE_COOKIE_SAMESITE,
    )
