"""Conversations whose time has come: deleted ones that nobody took back, and temporary ones."""

from __future__ import annotations

import datetime
import logging
from uuid import UUID

from django.db import IntegrityError
from django.utils import timezone

from .. import deletion
from ..models import Conversation, LegalHold

logger = logging.getLogger("llmchat.engine")

#: Until one that could not be deleted is tried again; it must not be in the way of all others meanwhile.
LATER = datetime.timedelta(hours=1)


def purge(limit: int) -> int:
    """Deletes up to `limit` conversations that have expired; returns how many there were.

    One that something of the host's protects is put off for an hour, and counts.
    """
    expired = LegalHold.objects.spare(Conversation.objects.filter(expires_at__lte=timezone.now()))
    expired = expired.order_by("expires_at")
    count = 0
    for pk in list(expired.values_list("pk", flat=True)[:limit]):
        _remove(pk)
        count += 1
    return count


def _remove(conversation: UUID) -> None:
    try:
        deletion.remove(conversation)
    # Also what PROTECT and RESTRICT raise.
    except IntegrityError as error:
        logger.warning("conversation %s has expired and cannot be deleted: %s", conversation, error.args[0])
        now = timezone.now()
        # Not if it was taken back meanwhile: it has no time then.
        Conversation.objects.filter(pk=conversation, expires_at__lte=now).update(expires_at=now + LATER)
