"""Ends what nobody will end: answers of processes that died, and of this one without a task.

No wall clocks are compared. A process is dead when its beat stood still for `RUNNER_TIMEOUT` seconds
of the observer's own clock in which the observer's own beats were committed; a database that is
away therefore kills nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from ..conf import settings
from ..models import LIVE, Generation, Owner, Runner, Status
from ..upstream.types import Usage
from . import journal, pauses
from .ending import Outcome, finish
from .ledger import Attempt
from .livelog import Told, read
from .prompt import estimate_tokens
from .steps import kept

logger = logging.getLogger("llmchat.recovery")


class Beats(msgspec.Struct):
    """What one beat found: whether we still count as alive, the beats of the others, what is paused."""

    alive: bool
    others: dict[UUID, int]
    paused: frozenset[str] = frozenset()


def register(runner: UUID, label: str) -> None:
    """Enters this process; once, or again after it was called dead."""
    Runner.objects.get_or_create(id=runner, defaults={"label": label[:200]})


def beat(runner: UUID, figures: dict[str, Any] | None = None) -> Beats:
    """One sign of life, with what the process tells of itself, and a look at the others."""
    me = Runner.objects.filter(pk=runner, dead=False)
    alive = me.update(beat=F("beat") + 1, seen=timezone.now(), figures=figures or {}) == 1
    others = Runner.objects.filter(dead=False).exclude(pk=runner).values_list("pk", "beat")
    return Beats(alive, dict(others), pauses.read())


class Observer:
    """Measures, on our own clock, how long the others' beats have stood still."""

    def __init__(self, patience: float, longest_step: float = 4.0) -> None:
        self._patience = patience
        #: A longer gap between two of our beats was a database, or a machine, that stood still for all.
        self._longest_step = longest_step
        self._seen: dict[UUID, tuple[int, float]] = {}
        self._last: float | None = None

    def missed(self) -> None:
        """Our own beat failed: the time until the next one says nothing about the others."""
        self._last = None

    def look(self, others: dict[UUID, int], now: float) -> list[tuple[UUID, int]]:
        """The runners that are dead by now, with the beat at which they stood still."""
        passed = 0.0 if self._last is None else min(now - self._last, self._longest_step)
        self._last = now
        seen = {}
        for runner, count in others.items():
            before, still = self._seen.get(runner, (count, 0.0))
            seen[runner] = (count, still + passed if before == count else 0.0)
        self._seen = seen
        return [(runner, count) for runner, (count, still) in seen.items() if still >= self._patience]


def bury(runner: UUID, at_beat: int) -> int:
    """Declares a runner dead, if its beat still stands at `at_beat`, and ends its answers.

    One transaction; returns the number of answers ended. One that cannot be ended now is left to
    `end_orphans`.
    """
    with transaction.atomic():
        if not Runner.objects.filter(pk=runner, beat=at_beat, dead=False).update(dead=True):
            return 0
        count = _interrupt(Generation.objects.filter(runner=runner))
    logger.warning("runner %s is dead; %d answers interrupted", runner, count)
    return count


def bury_self(runner: UUID) -> None:
    """The last word of an orderly shutdown: nobody has to wait for our beat."""
    with transaction.atomic():
        Runner.objects.filter(pk=runner).update(dead=True)
        _interrupt(Generation.objects.filter(runner=runner))


def end_orphans(runner: UUID, alive: Collection[int]) -> int:
    """Ends our own live rows that have no task, and those whose runner is dead or gone.

    `alive` are the generations with a task. Call it only while no command is being written: then
    every live row of ours without a task has lost it.
    """
    mine_or_nobodys = Q(runner=runner) | Q(runner=None) | Q(runner__dead=True)
    orphans = Generation.objects.filter(mine_or_nobodys, status__in=LIVE).exclude(pk__in=alive)
    if not orphans.exists():
        return 0
    with transaction.atomic():
        return _interrupt(orphans)


def _interrupt(generations: QuerySet[Generation]) -> int:
    live = generations.filter(status__in=LIVE).order_by("pk").select_related("message")
    if connection.features.has_select_for_update_skip_locked:
        live = live.select_for_update(skip_locked=True, of=("self",))
    count = 0
    for generation in live:
        try:
            # A savepoint each: one that the database refuses, or a host has locked, leaves the others be.
            with transaction.atomic():
                finish(generation.pk, generation.runner_id, fold(generation))
        except DatabaseError as error:
            if connection.needs_rollback:
                raise
            logger.error("generation %d cannot be ended yet: %s", generation.pk, error)
        else:
            count += 1
    return count


def sweep() -> None:
    """Forgets dead processes that no answer names."""
    Runner.objects.filter(dead=True, generations__isnull=True).delete()


def fold(generation: Generation) -> Outcome:
    """The end of an answer whose process is gone: what the journal got, after what stood there before."""
    frames = journal.read(generation.pk)
    told = read(frames)
    message = generation.message
    total_ms = round((timezone.now() - generation.created).total_seconds() * 1000)
    return Outcome(
        owner=Owner(generation.owner_id, generation.session_key),
        door=generation.door,
        model=_answered_by(generation, told),
        message=message.pk if message else None,
        conversation=message.conversation_id if message else None,
        status=Status.INTERRUPTED,
        last_n=len(frames),
        text=(message.content if message else "") + told.text,
        reasoning=(message.reasoning if message else "") + told.reasoning,
        events=[
            *(message.steps if message else []),
            *kept(told.events),
        ],
        reason="crashed",
        timings={"total": total_ms},
        attempts=_attempts(generation, told, total_ms),
    )


def _answered_by(generation: Generation, told: Told) -> str:
    """Who has had the last word: another model may have taken over."""
    changes = [event for event in told.events if event["kind"] in ("fallback", "failover")]
    return str(changes[-1].get("to") or changes[-1]["model"]) if changes else generation.model


def _attempts(generation: Generation, told: Told, total_ms: int) -> list[Attempt]:
    """The requests of a dead process, as far as its events tell; none where it still stood in line."""
    if generation.status == Status.QUEUED:
        return []
    attempts: list[Attempt] = []
    provider, model = generation.provider, generation.model.removeprefix(f"{generation.provider}/")
    for event in told.events:
        if event.get("code"):
            failed = Attempt(provider, model, Status.ERROR, Usage(0, 0), str(event["code"]))
            attempts.append(failed)
        elif event["kind"] == "failover":
            attempts.append(Attempt(provider, model, Status.INTERRUPTED, Usage(0, 0), estimated=True))
        if event["kind"] in ("fallback", "failover"):
            provider, model = _named(str(event.get("to") or event["model"]), provider)
    said = Usage(generation.prompt_tokens or 0, estimate_tokens(told.text + told.reasoning))
    last = Attempt(provider, model, Status.INTERRUPTED, said, estimated=True, total_ms=total_ms)
    return [*attempts, last]


def _named(name: str, provider: str) -> tuple[str, str]:
    """Provider and model of a name on the wire; a plain one is taken to be the same provider's."""
    alias, _, model = name.partition("/")
    return (alias, model) if model and alias in settings.PROVIDERS else (provider, name)
