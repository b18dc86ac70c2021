"""The settings page: what people set for themselves, see of themselves, take with them and delete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ..accesses import of_owner
from ..conf import settings as app_settings
from ..labels import settings_labels
from ..models.preferences import MAX_INSTRUCTIONS
from ..policy import get_policy
from .doors import owner_of
from .pages import asking
from .preferences import remember_language

#: Readings of the user's chats that the page lists; `api/accesses/` has the rest.
ACCESSES = 50


@require_safe
@never_cache
@asking
def settings(request: HttpRequest) -> HttpResponse:
    """The page; what is on it is read and changed by its script."""
    preferences = get_policy().get_preferences(owner_of(request))
    # Chosen on another device, or where the site looks at no cookie.
    with translation.override(preferences.language or translation.get_language()):
        response = render(request, "llmchat/settings.html", _context(request, preferences))
    if preferences.language:
        remember_language(response, preferences.language)
    return response


def _context(request: HttpRequest, preferences: Any) -> dict[str, Any]:
    user: Any = request.user
    known = user.is_authenticated
    return {
        "preferences": preferences,
        "languages": _languages(),
        "max_instructions": MAX_INSTRUCTIONS,
        "mount": reverse("llmchat:index"),
        "known": known,
        "name": user.get_username() if known else "",
        "tell_readers": app_settings.TELL_READERS,
        "accesses": of_owner(owner_of(request))[:ACCESSES] if app_settings.TELL_READERS else (),
        "may_delete_account": get_policy().may_delete_account(user),
        "export": reverse("llmchat:api_export"),
        "nonce": getattr(request, "csp_nonce", ""),
        "config": {
            "preferences": reverse("llmchat:api_preferences"),
            "models": reverse("llmchat:api_models"),
            "keys": reverse("llmchat:api_keys"),
            "usage": reverse("llmchat:api_usage"),
            "conversations": reverse("llmchat:api_conversations"),
            "account": reverse("llmchat:api_account"),
            "mount": reverse("llmchat:index"),
            "confirm": _("delete"),
            "defaultModel": preferences.default_model,
            "csrf": {
                "token": get_token(request),
                "cookie": django_settings.CSRF_COOKIE_NAME,
                "header": django_settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-").title(),
            },
            "labels": settings_labels(),
        },
    }


def _languages() -> list[tuple[str, str]]:
    """Those of the site's languages that the chat speaks, by their own names."""
    spoken = {folder.name for folder in (Path(__file__).resolve().parents[1] / "locale").glob("*")} | {"en"}
    codes = [code for code, _name in django_settings.LANGUAGES if translation.to_locale(code) in spoken]
    return [(code, translation.get_language_info(code)["name_local"]) for code in codes]
