"""Who an API key belongs to, now."""

from __future__ import annotations

import datetime
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .exceptions import Refused
from .models import ApiKey, digest_of
from .policy import get_policy

#: Longer is no key of ours.
MAX_KEY_CHARS = 200
#: A use is written down when the last one written is so long ago.
USE_INTERVAL = datetime.timedelta(minutes=1)


class BadKey(Refused):
    """Raised for a key that is unknown, revoked, expired, or whose owner may not sign in any more."""

    def __init__(self) -> None:
        super().__init__("forbidden", sentence=_("This API key is not valid, or not any more."))


def bearer(authorization: str) -> str | None:
    """The key in an `Authorization` header; None where it holds none, or something else."""
    scheme, _, key = authorization.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def check(key: str) -> ApiKey:
    """The key's row, its owner with it. Raises `BadKey`, or `Refused("forbidden")`."""
    if not key or len(key) > MAX_KEY_CHARS:
        raise BadKey
    row = ApiKey.objects.usable().filter(digest=digest_of(key)).select_related("owner").first()
    if row is None or not row.owner.is_active:
        raise BadKey
    if not get_policy().may_chat(row.owner):
        raise Refused("forbidden")
    return row


def is_use_due(row: ApiKey) -> bool:
    """Whether this use is to be written down."""
    return row.last_used_at is None or timezone.now() - row.last_used_at >= USE_INTERVAL


def write_use(pk: UUID) -> None:
    """Writes down that the key was used just now."""
    now = timezone.now()
    due = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_INTERVAL)
    ApiKey.objects.filter(due, pk=pk).update(last_used_at=now)
