"""`metrics`: what Prometheus reads."""

from __future__ import annotations

import ipaddress

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ..conf import settings
from ..keys import bearer
from ..observability.metrics import exposition

#: What a proxy adds: behind one, everybody comes from this machine.
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures of this process, for who has `METRICS_TOKEN` or, without one, for this machine alone."""
    if not _may(request) or (found := exposition()) is None:
        raise Http404
    body, content_type = found
    return HttpResponse(body, content_type=content_type)


def _may(request: HttpRequest) -> bool:
    if token := settings.METRICS_TOKEN:
        given = bearer(request.headers.get("Authorization", "")) or ""
        return constant_time_compare(given.encode(), token.encode())
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
