"""Which model answers: the name that a conversation keeps, and whom to ask for it, in which order."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from .. import offering
from ..conf import Provider, settings
from ..exceptions import Refused
from ..models import Conversation, Role
from ..policy import get_policy
from ..upstream.choice import rank
from ..upstream.health import Health
from ..upstream.target import Target


class Choice(NamedTuple):
    """`name` is a model's or an alias; `targets` whom to ask for it, the first one first."""

    name: str
    targets: tuple[Target, ...]

    @property
    def first(self) -> Target:
        return self.targets[0]


def choose(
    user: Any, health: Health, requested: str = "", conversation: Conversation | None = None, kept: str = ""
) -> Choice:
    """The model that answers `user`; `kept` is the one that has answered so far. Raises `Refused`.

    A model asked for by its name comes first whatever its health: that may change until its turn. Of
    those that an alias stands for the healthy one comes first that the conversation is with already.
    """
    policy = get_policy()
    name = policy.get_model(user, requested, conversation)
    targets = [target for target in policy.get_targets(user, name) if not health.is_paused(target)]
    if not targets:
        raise Refused("model_unavailable")
    if len(targets) > 1 and is_alias(name):
        targets = rank(targets, health, offering.AUTO.get(name, ""), kept or _last_model(conversation))
    return Choice(name, tuple(targets))


def choose_again(
    user: Any, health: Health, conversation: Conversation, answered: str, requested: str = ""
) -> Choice:
    """The model for another go at what `answered` has answered: the same one, unless one is asked for."""
    if not requested and not is_alias(conversation.model):
        requested = answered
    return choose(user, health, requested, conversation, kept=answered)


def is_alias(name: str) -> bool:
    """Whether the name stands for several models."""
    return name in offering.AUTO or name in settings.ALIASES


def reads(target: Target) -> Provider:
    """The target's provider, with the window of this very model."""
    return msgspec.structs.replace(settings.PROVIDERS[target.provider], CONTEXT_TOKENS=target.window)


def _last_model(conversation: Conversation | None) -> str:
    if conversation is None or conversation._state.adding:
        return ""
    answers = conversation.messages.filter(role=Role.ASSISTANT).order_by("-position")
    return answers.values_list("model", flat=True).first() or ""
