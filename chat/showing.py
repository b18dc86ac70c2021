"""How `watch` is answered: what is live in a conversation and what the viewer misses goes into its outbox."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from . import __version__, protocol
from .conf import settings
from .engine import catchup
from .engine.runner import Runner
from .outbox import Outbox

logger = logging.getLogger("llmchat.socket")


def ready(user: Any) -> protocol.Ready:
    """What is said first to whoever comes in."""
    limits: dict[str, int | float] = {
        "max_frame_bytes": protocol.MAX_INBOUND_BYTES,
        "max_running": settings.MAX_RUNNING_PER_USER,
        "max_queued": settings.MAX_QUEUED_PER_USER,
        "commands_per_minute": settings.COMMANDS_PER_MINUTE,
    }
    return protocol.Ready(user=str(user.pk or ""), limits=limits, server=f"llmchat/{__version__}")


async def show(
    runner: Runner,
    outbox: Outbox,
    view: catchup.View,
    seen: dict[int, int],
    because: str | None,
    id: UUID | None,
) -> None:
    """Says `watching`, then follows what is live there and what is in `seen`."""
    known = {sight.generation for sight in view.generations}
    # What began here while the database was asked.
    new = [log for log in runner.logs.values() if log.conversation == view.conversation and not log.ended]
    view.generations += [
        catchup.Sight(log.generation, log.state, log.last_n) for log in new if log.generation not in known
    ]
    live = sorted(sight.generation for sight in view.generations if sight.is_live)
    watching = protocol.Watching(view.conversation, view.revision, live, id=protocol.echo(id))
    outbox.reply(protocol.encode(watching))
    for sight in view.generations:
        log = runner.logs.get(sight.generation)
        if log is not None and log.forgotten:
            log = None
        if log is None and sight.is_live:
            log = await runner.remote.follow(sight.generation)
        n = seen.get(sight.generation, -1)
        reason = because if sight.generation in seen else None
        outbox.follow(sight.generation, view.conversation, log, n, reason)


def report(runner: Runner, because: str, conversation: UUID) -> None:
    """A client did not find its text right. Counted; `checksum_mismatch` has to stay 0."""
    name = "checksum_mismatch" if because == "checksum" else "gap"
    runner.counters[name] += 1
    logger.warning("a client reports a %s in conversation %s", name, conversation)
