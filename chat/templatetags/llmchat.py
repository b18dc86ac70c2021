"""`{% llmchat %}`: the whole chat, in any page."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urljoin
from uuid import UUID

from django import template
from django.conf import settings as django_settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.shortcuts import resolve_url
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import ngettext

from ..conf import settings
from ..labels import labels
from ..models import Banner, Owner, Preset
from ..policy import get_policy

register = template.Library()

#: What `app.js` imports, directly or not.
FIRST_MODULES = (
    "acks",
    "address",
    "api",
    "attention",
    "chat",
    "commands",
    "composer",
    "config",
    "connection",
    "conversation",
    "conversations",
    "crc32",
    "desk",
    "dom",
    "drawer",
    "generations",
    "groups",
    "labels",
    "list",
    "models",
    "notices",
    "preferences",
    "queue",
    "reach",
    "schedule",
    "shortcuts",
    "socket",
    "store",
    "thread",
    "transport",
    "tuning",
)
#: What is needed besides, once there are messages.
MESSAGE_MODULES = (
    "actions",
    "clipboard",
    "message",
    "states",
    "steady",
)
#: Stands for any conversation while an address is made; the page puts the real one in.
_ANY = UUID(int=0)


@register.inclusion_tag("llmchat/app.html", takes_context=True)
def llmchat(
    context: dict[str, Any], *, conversation: UUID | None = None, routed: bool = False
) -> dict[str, Any]:
    """The chat with its styles and scripts; it fills the box it is put in.

    `conversation` is the one to open. `routed` lets the address bar follow the conversation, which only
    the chat's own page wants. A CSP nonce in the context or on the request is passed on. Needs the
    `request` context processor. Who may not chat sees where to sign in instead.
    """
    request = context["request"]
    user = request.user
    if not get_policy().may_chat(user):
        return {"sign_in": f"{resolve_url(django_settings.LOGIN_URL)}?{_next(request)}"}
    preferences = get_policy().get_preferences(_owner(request))
    mount = reverse("llmchat:index")
    page = reverse("llmchat:conversation", args=[_ANY]).replace(str(_ANY), "{id}")
    return {
        "config": {
            "mount": mount,
            "socket": f"{mount}ws/",
            "commands": reverse("llmchat:api_commands"),
            "watch": reverse("llmchat:api_watch"),
            "conversations": reverse("llmchat:api_conversations"),
            "search": reverse("llmchat:api_search"),
            "chat": reverse("llmchat:api_chat"),
            "page": page,
            "conversation": conversation,
            "routed": routed,
            "preferences": {"theme": preferences.theme, "enter_key": preferences.enter_key},
            "signIn": resolve_url(django_settings.LOGIN_URL),
            "signInNext": REDIRECT_FIELD_NAME,
            "user": {"id": str(user.pk), "name": _name(user)},
            "model": get_policy().get_model(user),
            "csrf": {
                "token": get_token(request),
                "cookie": django_settings.CSRF_COOKIE_NAME,
                "header": _header(django_settings.CSRF_HEADER_NAME),
            },
            # Not written into the script: a storage that hashes imports follows a chain of only so many.
            "messages": _modules("message")[0],
            "formulaStyles": static("llmchat/vendor/katex/katex.css"),
            "panelStyles": static("llmchat/panels.css"),
            "limits": reverse("llmchat:api_limits"),
            "labels": labels(),
        },
        "mount": mount,
        "theme": "" if preferences.theme == "system" else preferences.theme,
        "opens": conversation is not None,
        "name": _name(user),
        "suggestions": get_policy().get_suggestions(user),
        "demo": settings.DEMO,
        "tell_readers": settings.TELL_READERS,
        "banners": Banner.objects.now(),
        "presets": Preset.objects.for_user(user),
        "temporary_for": _duration(settings.TEMPORARY_FOR),
        "modules": _modules(*FIRST_MODULES, *(MESSAGE_MODULES if conversation else ())),
        "nonce": context.get("csp_nonce") or getattr(request, "csp_nonce", ""),
        "user": user,
        "request": request,
    }


def _owner(request: HttpRequest) -> Owner:
    session = getattr(request, "session", None)
    return Owner.of(request.user, (session.session_key or "") if session is not None else "")


def _duration(seconds: float) -> str:
    hours = max(1, round(seconds / 3600))
    if hours < 48:
        return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}
    days = round(hours / 24)
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}


def _modules(*names: str) -> list[str]:
    """Where the browser will look for what `app.js` imports, so that it need not find out step by step."""
    if getattr(staticfiles_storage, "support_js_module_import_aggregation", False):
        return [static(f"llmchat/{name}.js") for name in names]
    # The imports are relative, and no storage has changed them.
    app = static("llmchat/app.js")
    return [urljoin(app, f"{name}.js") for name in names]


def _next(request: HttpRequest) -> str:
    return urlencode({REDIRECT_FIELD_NAME: request.get_full_path()})


def _name(user: Any) -> str:
    return user.get_short_name() or user.get_username() if user.is_authenticated else ""


def _header(meta: str) -> str:
    """The header that Django shows in `META` under this name."""
    return meta.removeprefix("HTTP_").replace("_", "-").title()
