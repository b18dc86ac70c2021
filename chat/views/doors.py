"""What all HTTP doors share: who is asking, and how a refusal looks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

from django.db import InterfaceError, OperationalError, connections, transaction
from django.http import HttpRequest, HttpResponse

from .. import protocol
from ..exceptions import Refused
from ..keys import BadKey
from ..models import Owner
from ..policy import get_policy
from ..sessions import SignedOut

P = ParamSpec("P")
View = TypeVar("View", bound=Callable[..., Any])

STATUS = {
    "bad_frame": 400,
    "unknown_type": 400,
    "not_found": 404,
    "forbidden": 403,
    "content_filtered": 403,
    "conflict": 409,
    "busy": 409,
    "too_large": 413,
    "context_too_long": 413,
    "rate_limited": 429,
    "budget_exhausted": 429,
    "model_unavailable": 404,
    "shutting_down": 503,
    "unavailable": 503,
}


def json_response(data: Any, status: int = 200) -> HttpResponse:
    """`data`, structs and uuids included, as a JSON response that no cache keeps."""
    response = HttpResponse(
        protocol.encode(data), content_type="application/json; charset=utf-8", status=status
    )
    response["Cache-Control"] = "no-store"
    return response


def refusal(refused: Refused) -> HttpResponse:
    """A refused call: `{"error": {"code", "message"}}` with the status of its code."""
    status = 401 if isinstance(refused, SignedOut | BadKey) else STATUS.get(refused.code, 500)
    response = json_response({"error": {"code": refused.code, "message": refused.sentence}}, status)
    if isinstance(refused, BadKey):
        response["WWW-Authenticate"] = "Bearer"
    if refused.retry_after is not None:
        response["Retry-After"] = str(max(1, round(refused.retry_after)))
    return response


def owner_of(request: HttpRequest) -> Owner:
    """Whose conversations this request is about. Raises `SignedOut`, or `Refused("forbidden")`."""
    if not get_policy().may_chat(request.user):
        raise Refused("forbidden") if request.user.is_authenticated else SignedOut
    owner = Owner.of(request.user, request.session.session_key or "")
    if not owner:
        raise SignedOut
    return owner


def refusing(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Turns what a view refuses, and a database that is away, into responses."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Refused as refused:
            return refusal(refused)
        except (OperationalError, InterfaceError):
            return refusal(Refused("unavailable", retry_after=2))

    return wrapped


def outside_transactions(view: View) -> View:
    """Takes a view out of `ATOMIC_REQUESTS`: Django refuses to run an async one with it."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


def same_origin(request: HttpRequest) -> bool:
    """Whether a browser says that this request comes from a page of this very origin.

    `Sec-Fetch-Site` cannot be set by a page; `Origin` is compared with scheme, host and port.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    if not origin:
        return False
    given = urlsplit(origin)
    return (given.scheme, given.netloc) == (request.scheme, request.get_host())
