"""Stop from anywhere: another tab, another process, the admin, a deletion."""

from __future__ import annotations

from collections.abc import Collection

from ..models import LIVE, Generation
from .running import runners


def request_stop(generations: Collection[int], reason: str) -> int:
    """Asks for the end of these answers, whichever process writes them; returns how many were live.

    From sync code. This process's own answers stop at once, others within a journal tick.
    `reason` is one of the protocol's: user, admin, abandoned, suspended, deleted.
    """
    ids = list(generations)
    live = Generation.objects.filter(pk__in=ids, status__in=LIVE, stop_requested="").update(
        stop_requested=reason
    )
    for runner in runners():
        runner.stop_soon(ids, reason)
    return live
