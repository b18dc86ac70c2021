"""Signals of the app. All are sent with `send_robust`, after the commit, outside any transaction."""

from __future__ import annotations

from typing import Any

from channels.db import aclose_old_connections
from django.dispatch import Signal

#: A generation was accepted. Arguments: generation (its id), message (uuid), conversation (uuid).
generation_started = Signal()

#: A generation reached its one end. Arguments: generation, message, conversation, status, error_code.
generation_ended = Signal()

#: A budget of the whole site is nearly used up, told once in its window. Arguments: budget (its id), used,
#: limit, resets_at.
budget_low = Signal()

#: A provider is down, told once for each outage. Arguments: provider (its name), error_code.
provider_down = Signal()


async def send(signal: Signal, *, sender: Any, **arguments: Any) -> None:
    """Sends `signal`; receivers that are not coroutines run in a thread and may use the database."""
    # No request ends in that thread: without this a connection, broken ones too, would stay there for good.
    await aclose_old_connections()
    try:
        await signal.asend_robust(sender=sender, **arguments)
    finally:
        await aclose_old_connections()
