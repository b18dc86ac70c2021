"""How often one owner may ask."""

from __future__ import annotations

import datetime
from functools import lru_cache
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from ..conf import settings
from ..exceptions import Refused
from ..models import Conversation, Generation, Owner
from ..prepared import Select

#: Where people and their programs ask; the host's own code knows what it does.
_COUNTED = (Generation.Door.WEB, Generation.Door.API)


@lru_cache(maxsize=4)
def _nth_last(n: int) -> Select[Generation]:
    """The n-th last answer that an owner has asked for since some moment; no row when there were fewer."""

    def make(owner_id: Any, session_key: str, since: datetime.datetime) -> QuerySet[Generation, Any]:
        mine = Generation.objects.filter(owner=owner_id, session_key=session_key, created__gt=since)
        return mine.filter(door__in=_COUNTED).order_by("-created").values_list("pk")[n - 1 : n]

    return Select(Generation, make, owner_id="owner", since="created")


def check_pace(owner: Owner, door: str) -> None:
    """Raises `Refused("rate_limited")` when `owner` has asked `COMMANDS_PER_MINUTE` times in a minute."""
    if not (per_minute := settings.COMMANDS_PER_MINUTE) or door not in _COUNTED:
        return
    if _nth_last(per_minute)(**owner.fields, since=_minute_ago()):
        raise Refused("rate_limited", retry_after=10)


def check_pace_of_forks(owner: Owner) -> None:
    """Raises `Refused("rate_limited")` when `owner` has begun so many conversations in a minute."""
    if not (per_minute := settings.COMMANDS_PER_MINUTE):
        return
    since = _minute_ago()
    # None is older than its last change, which an index knows.
    begun = Conversation.objects.filter(**owner.fields, updated__gt=since, created__gt=since)
    if begun.count() >= per_minute:
        raise Refused("rate_limited", retry_after=10)


def _minute_ago() -> datetime.datetime:
    return timezone.now() - datetime.timedelta(minutes=1)
