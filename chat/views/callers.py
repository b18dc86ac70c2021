"""Who calls an API door: the owner of a key, or whoever the session says."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest

from .. import keys
from ..engine.running import runner_here
from ..models import ApiKey, Owner

logger = logging.getLogger("llmchat")


class Caller(msgspec.Struct):
    """Somebody who may chat, and the key used, where its use is to be written down."""

    owner: Owner
    user: Any
    key: UUID | None = None


def caller(request: HttpRequest, otherwise: Callable[[HttpRequest], Owner]) -> Caller:
    """The owner of the request's Bearer key; without one, `otherwise` tells whose request it is.

    Raises `BadKey`, `Refused("forbidden")`, and what `otherwise` raises.
    """
    key = keys.bearer(request.headers.get("Authorization", ""))
    if key is None:
        return Caller(otherwise(request), request.user)
    return _of_key(keys.check(key))


def _of_key(row: ApiKey) -> Caller:
    return Caller(Owner.of(row.owner), row.owner, row.pk if keys.is_use_due(row) else None)


def note_use(caller: Caller) -> None:
    """Has the use of a key written down, behind the caller's back. To be called in the event loop."""
    if caller.key is not None:
        runner_here().spawn(_write_use(caller.key))


async def _write_use(key: UUID) -> None:
    try:
        await runner_here().writer.run(keys.write_use, key)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("the use of an API key was not written down: %s", error)
