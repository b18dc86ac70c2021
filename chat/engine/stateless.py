"""An answer that belongs to no conversation: what is kept of it are its figures."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from ..models import Generation, Owner, Status
from ..offering import one_look
from ..upstream.health import Health
from . import budgets, prompt
from .choosing import choose, reads
from .limits import check_pace
from .locks import wait_briefly
from .orders import Call, Job
from .pauses import check_site
from .texts import prepared_call

#: Seconds that an answer of an API door goes on when nobody has begun to read it.
UNREAD_SECONDS = 3.0


def stateless(owner: Owner, user: Any, runner: UUID, health: Health, call: Call) -> Job:
    """The job of a call: a generation row without a message, nothing else. Raises `Refused`."""
    check_site(health.paused)
    with transaction.atomic():
        wait_briefly()
        return _stateless(owner, user, runner, health, call)


def _stateless(owner: Owner, user: Any, runner: UUID, health: Health, call: Call) -> Job:
    check_pace(owner, call.door)
    call = prepared_call(user, call)
    with one_look():
        choice = choose(user, health, call.model)
    messages = prompt.as_called(call.messages, reads(choice.first))
    tokens = prompt.estimate_messages(messages)
    claims = budgets.claims_of(owner, user, choice.first, tokens, call.options)
    if not call.asked_for:
        claims = budgets.of_spending(claims)
    generation = Generation.objects.create(
        **owner.fields,
        door=call.door,
        model=choice.first.name,
        provider=choice.first.provider,
        prompt_tokens=tokens,
        estimated=True,
        status=Status.RUNNING,
        runner_id=runner,
        reserved=budgets.money(claims),
    )
    budgets.reserve(generation.pk, claims)
    return Job(
        generation=generation.pk,
        owner=owner,
        door=call.door,
        targets=choice.targets,
        messages=messages,
        options=call.options,
        runner=runner,
        reserved=bool(claims),
        # Its client is always there; one that went before it began to read is noticed by this.
        abandon_after=UNREAD_SECONDS,
    )
