from __future__ import annotations

import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Lets run only scripts with the response's nonce; in Django's admin, which has none, the site's own."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.csp_nonce = secrets.token_urlsafe(16)
        response = get_response(request)
        scripts = "'self'" if request.path.startswith("/office/") else f"'nonce-{request.csp_nonce}'"
        response["Content-Security-Policy"] = POLICY.format(scripts=scripts)
        return response

    return middleware
