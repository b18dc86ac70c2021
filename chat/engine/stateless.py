"""An answer that belongs to no conversation: what is kept of it are its figures."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ..models import Generation, Owner, Status
from ..offering import one_look
from ..upstream.health import Health
from . import prompt
from .choosing import choose, reads
from .limits import check_pace
from .orders import Call, Job
from .pauses import check_site

#: Seconds that an answer of an API door goes on when nobody has begun to read it.
UNREAD_SECONDS = 3.0


def stateless(owner: Owner, user: Any, runner: UUID, health: Health, call: Call) -> Job:
    """The job of a call: a generation row without a message, nothing else. Raises `Refused`."""
    check_site(health.paused)
    check_pace(owner, call.door)
    with one_look():
        choice = choose(user, health, call.model)
    messages = prompt.as_called(call.messages, reads(choice.first))
    generation = Generation.objects.create(
        **owner.fields,
        door=call.door,
        model=choice.first.name,
        provider=choice.first.provider,
        prompt_tokens=prompt.estimate_messages(messages),
        estimated=True,
        status=Status.RUNNING,
        runner_id=runner,
    )
    return Job(
        generation=generation.pk,
        owner=owner,
        door=call.door,
        targets=choice.targets,
        messages=messages,
        options=call.options,
        runner=runner,
        # Its client is always there; one that went before it began to read is noticed by this.
        abandon_after=UNREAD_SECONDS,
    )
