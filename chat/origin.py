"""Which pages may open a socket: the site's own, and those that `CSRF_TRUSTED_ORIGINS` trusts.

Channels' `AllowedHostsOriginValidator` ignores scheme and port, and accepts everything with
`ALLOWED_HOSTS = ["*"]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, parse_cookie
from django.utils.http import is_same_domain

from .conf import settings


def request_of(scope: Mapping[str, Any]) -> HttpRequest:
    """The handshake as a request, for what Django reads off one: host, cookies, language."""
    host, port = scope.get("server") or ("localhost", 80)
    request = HttpRequest()
    request.META = {"SERVER_NAME": host, "SERVER_PORT": str(port)}
    for name, value in scope["headers"]:
        request.META["HTTP_" + name.decode("latin-1").upper().replace("-", "_")] = value.decode("latin-1")
    request.COOKIES = parse_cookie(request.META.get("HTTP_COOKIE", ""))
    return request


def is_allowed(scope: Mapping[str, Any]) -> bool:
    """Whether the handshake comes from a page of this site, and for a host that it serves."""
    request = request_of(scope)
    own = own_origin(scope, request)
    if own is None:
        return False
    origin = request.META.get("HTTP_ORIGIN")
    if origin is None or origin == "null":
        return settings.ALLOW_MISSING_ORIGIN
    return origin == own or _is_trusted(origin)


def own_origin(scope: Mapping[str, Any], request: HttpRequest) -> str | None:
    """`scheme://host[:port]` as Django computes it for HTTP; None for a host it would refuse."""
    try:
        name = request.get_host()
    except DisallowedHost:
        return None
    secure = request.is_secure() if django_settings.SECURE_PROXY_SSL_HEADER else False
    return f"{'https' if secure or scope.get('scheme') in ('wss', 'https') else 'http'}://{name}"


def _is_trusted(origin: str) -> bool:
    given = urlsplit(origin)
    for trusted in django_settings.CSRF_TRUSTED_ORIGINS:
        if trusted == origin:
            return True
        pattern = urlsplit(trusted)
        wild = "*" in pattern.netloc and pattern.scheme == given.scheme
        if wild and is_same_domain(given.netloc, pattern.netloc.lstrip("*")):
            return True
    return False
