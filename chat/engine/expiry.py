"""Conversations whose time has come: deleted ones that nobody took back, and temporary ones."""

from __future__ import annotations

from django.utils import timezone

from .. import deletion
from ..models import Conversation, LegalHold


def purge(limit: int) -> int:
    """Deletes up to `limit` conversations that have expired; returns how many there were."""
    expired = LegalHold.objects.spare(Conversation.objects.filter(expires_at__lte=timezone.now()))
    expired = expired.order_by("expires_at")
    count = 0
    for pk in list(expired.values_list("pk", flat=True)[:limit]):
        deletion.remove(pk)
        count += 1
    return count
