"""An answer that belongs to no conversation: what is kept of it are its figures."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ..models import Generation, Owner, Status
from ..policy import get_policy
from . import prompt
from .limits import check_pace
from .orders import Call, Job

#: Seconds that an answer of an API door goes on when nobody has begun to read it.
UNREAD_SECONDS = 3.0


def stateless(owner: Owner, user: Any, runner: UUID, call: Call) -> Job:
    """The job of a call: a generation row without a message, nothing else. Raises `Refused`."""
    check_pace(owner, call.door)
    policy = get_policy()
    model = policy.get_model(user, call.model)
    alias, provider = policy.get_provider(model)
    messages = prompt.as_called(call.messages, provider)
    generation = Generation.objects.create(
        **owner.fields,
        door=call.door,
        model=model,
        provider=alias,
        prompt_tokens=prompt.estimate_messages(messages),
        estimated=True,
        status=Status.RUNNING,
        runner_id=runner,
    )
    return Job(
        generation=generation.pk,
        owner=owner,
        door=call.door,
        model=model,
        provider=alias,
        messages=messages,
        options=call.options,
        runner=runner,
        # Its client is always there; one that went before it began to read is noticed by this.
        abandon_after=UNREAD_SECONDS,
    )
