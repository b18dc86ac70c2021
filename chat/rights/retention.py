"""What is kept for how long, by the rules of the groups that its owner is in."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from ..models import LIVE, Conversation, Generation, LegalHold, RetentionRule

#: Keys that are read at once.
BATCH = 500


def due(now: datetime.datetime | None = None) -> QuerySet[Conversation]:
    """The conversations whose time is over by a rule, or that have expired; none that is held or answered."""
    now = now or timezone.now()
    over = Q(expires_at__lte=now)
    longer: list[Any] = []
    for rule in RetentionRule.objects.order_by("-keep_days", "pk"):
        old = Q(updated__lt=now - datetime.timedelta(days=rule.keep_days))
        if rule.group_id is None:
            continue
        if _has_groups():
            members = _members([rule.group_id]).exclude(pk__in=_members(longer).values("pk"))
            over |= old & Q(owner__in=members.values("pk"))
            longer.append(rule.group_id)
    rest = RetentionRule.objects.filter(group=None).first()
    if rest is not None:
        old = Q(updated__lt=now - datetime.timedelta(days=rest.keep_days))
        ruled = Q(owner__in=_members(longer).values("pk")) if longer else Q(pk__in=[])
        over |= old & (Q(owner=None) | ~ruled)
    live = Generation.objects.filter(message__conversation=OuterRef("pk"), status__in=LIVE)
    return LegalHold.objects.spare(Conversation.objects.filter(over).exclude(Exists(live)))


def keys_of(rows: QuerySet[Conversation]) -> Iterator[UUID]:
    """The keys of the rows, in their order, without holding the database in between."""
    after: UUID | None = None
    while True:
        batch = rows.order_by("pk") if after is None else rows.filter(pk__gt=after).order_by("pk")
        keys = list(batch.values_list("pk", flat=True)[:BATCH])
        if not keys:
            return
        yield from keys
        after = keys[-1]


def _has_groups() -> bool:
    try:
        get_user_model()._meta.get_field("groups")
    except FieldDoesNotExist:
        return False
    return True


def _members(groups: list[Any]) -> QuerySet[Any]:
    return get_user_model()._default_manager.filter(groups__in=groups)
