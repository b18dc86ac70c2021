"""`api/keys/`: the keys with which programs act for the user. Each is shown once, when it is made."""

from __future__ import annotations

import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods
from msgspec import Meta, Struct

from ..conf import settings
from ..exceptions import Refused
from ..models import ApiKey
from .doors import json_response, owner_of, refusing

#: Revoked keys of one user that are kept, for the operator to see when they were last used.
REVOKED_KEPT = 100
UNUSABLE = _("A key needs a name, and at most ten years to live.")


class NewKey(Struct, forbid_unknown_fields=True):
    """What a POST says of the key to be made; without a number of days it does not expire."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    expires_in_days: Annotated[int, Meta(ge=1, le=3650)] | None = None


def key_object(row: ApiKey) -> dict[str, Any]:
    """A key as its owner sees it."""
    return {
        "id": row.pk,
        "name": row.name,
        "prefix": row.prefix,
        "created": row.created,
        "expires_at": row.expires_at,
        "last_used_at": row.last_used_at,
    }


@require_http_methods(["GET", "HEAD", "POST"])
@refusing
def keys(request: HttpRequest) -> HttpResponse:
    """The user's keys, the newest first; POST makes one, and its answer alone holds the key."""
    _require_user(request)
    if request.method == "POST":
        row, key = _make(request)
        return json_response({**key_object(row), "key": key}, 201)
    rows = ApiKey.objects.for_user(request.user)[: settings.MAX_KEYS_PER_USER]
    return json_response({"results": [key_object(row) for row in rows]})


@require_http_methods(["DELETE"])
@refusing
def key(request: HttpRequest, key: UUID) -> HttpResponse:
    """Revokes a key of the user's."""
    _require_user(request)
    if not ApiKey.objects.for_user(request.user).filter(pk=key).update(revoked_at=timezone.now()):
        raise Refused("not_found", sentence=_("There is no such API key."))
    return HttpResponse(status=204)


def _require_user(request: HttpRequest) -> None:
    """Guests have no keys: theirs would outlive the session that is all there is of them."""
    if owner_of(request).user_id is None:
        raise Refused("forbidden")


def _make(request: HttpRequest) -> tuple[ApiKey, str]:
    try:
        new = msgspec.json.decode(request.body, type=NewKey)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused("bad_frame", sentence=UNUSABLE) from None
    name = new.name.replace("\0", "").strip()
    if not name:
        raise Refused("bad_frame", sentence=UNUSABLE)
    days = new.expires_in_days
    expires_at = None if days is None else timezone.now() + datetime.timedelta(days=days)
    with transaction.atomic():
        _lock(request.user.pk)
        if ApiKey.objects.for_user(request.user).count() >= settings.MAX_KEYS_PER_USER:
            raise Refused(
                "conflict", sentence=_("You have as many API keys as is allowed. Revoke one first.")
            )
        made = ApiKey.objects.make(request.user, name, expires_at)
        revoked = ApiKey.objects.filter(owner=request.user.pk, revoked_at__isnull=False)
        old = list(revoked.order_by("-revoked_at").values_list("pk", flat=True)[REVOKED_KEPT:])
        ApiKey.objects.filter(pk__in=old).delete()
    return made


def _lock(user_pk: Any) -> None:
    """Holds the user's row, so that two requests do not both find room for one more key."""
    users = get_user_model()._default_manager.filter(pk=user_pk)
    if connection.features.has_select_for_update:
        users = users.select_for_update()
    list(users.values_list("pk"))
