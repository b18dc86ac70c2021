"""How often one owner may ask."""

from __future__ import annotations

import datetime

from django.utils import timezone

from ..conf import settings
from ..exceptions import Refused
from ..models import Generation, Owner

#: Where people and their programs ask; the host's own code knows what it does.
_COUNTED = (Generation.Door.WEB, Generation.Door.API)


def check_pace(owner: Owner, door: str) -> None:
    """Raises `Refused("rate_limited")` when `owner` has asked `COMMANDS_PER_MINUTE` times in a minute."""
    if not (per_minute := settings.COMMANDS_PER_MINUTE) or door not in _COUNTED:
        return
    minute_ago = timezone.now() - datetime.timedelta(minutes=1)
    asked = Generation.objects.filter(**owner.fields, created__gt=minute_ago, door__in=_COUNTED)
    if asked.count() >= per_minute:
        raise Refused("rate_limited", retry_after=10)
