"""What a model gets to read: the system prompt and as much of the branch as fits its window."""

from __future__ import annotations

from typing import Any

import msgspec

from ..conf import Provider
from ..counting import Counter, estimate
from ..exceptions import Refused
from ..models import Conversation, Message, Role
from . import branch
from .continuing import GO_ON, last_part

#: What a chat template adds to each message, roughly.
TOKENS_PER_MESSAGE = 5


class Prompt(msgspec.Struct):
    """The `messages` of a request, oldest first, and how many were left out of them."""

    messages: list[dict[str, Any]]
    left_out: int = 0


def estimate_tokens(text: str) -> int:
    """How many tokens a message of this text takes, guessed high."""
    return estimate(text) + TOKENS_PER_MESSAGE


def estimate_messages(messages: list[dict[str, Any]]) -> int:
    """How many tokens a request's messages take, guessed high."""
    return sum(estimate_tokens(str(message.get("content") or "")) for message in messages)


def build(
    conversation: Conversation,
    leaf: Message,
    system: str,
    provider: Provider,
    *,
    count: Counter = estimate,
    answer_tokens: int | None = None,
    unfinished: str = "",
) -> Prompt:
    """What is sent for an answer below `leaf`.

    `unfinished` is the beginning of that answer, for which room is left; `continuing` puts it there.
    The oldest messages are left out where the window is too small, as `count` measures it; system
    prompt, pinned messages and the last one stay. Raises `Refused("context_too_long")` when not even
    these fit.
    """
    read = branch.read(conversation, leaf, with_reasoning=bool(provider.REASONING_FIELD))
    if window := provider.CONTEXT_TOKENS:
        room = window - min(answer_tokens or window // 4, window // 2)
        unfinished = last_part(unfinished, window)
        for text in (system, *((unfinished, GO_ON) if unfinished else ())):
            room -= count(text) + TOKENS_PER_MESSAGE if text else 0
        kept = _fitting(read.messages, room, count)
    else:
        kept = read.messages
    messages = [_as_sent(message, provider.REASONING_FIELD) for message in reversed(kept)]
    if system:
        messages.insert(0, {"role": Role.SYSTEM.value, "content": system})
    left_out = len(read.messages) - len(kept) + read.beyond
    return Prompt(messages, left_out)


def _fitting(messages: list[Message], room: int, count: Counter) -> list[Message]:
    """Those of the messages, nearest first, that fit into so many tokens."""
    must = [message for message in messages[1:] if message.pinned]
    room -= sum(count(message.content) + TOKENS_PER_MESSAGE for message in (*messages[:1], *must))
    if room < 0:
        raise Refused("context_too_long")
    last = 0
    for place, message in enumerate(messages[1:], start=1):
        if message.pinned:
            continue
        room -= count(message.content) + TOKENS_PER_MESSAGE
        if room < 0:
            break
        last = place
    # An answer without its question tells a model little, and some refuse to begin with one.
    while 0 < last < len(messages) - 1 and messages[last].role == Role.ASSISTANT:
        last -= 1
    return [message for place, message in enumerate(messages) if place <= last or message.pinned]


def _as_sent(message: Message, reasoning_field: str) -> dict[str, Any]:
    sent = {"role": message.role, "content": message.content}
    if reasoning_field and message.reasoning:
        sent[reasoning_field] = message.reasoning
    return sent


def as_called(messages: list[dict[str, Any]], provider: Provider) -> list[dict[str, Any]]:
    """A caller's own messages, with their `reasoning` where and as the provider wants it back."""
    sent = []
    for message in messages:
        reasoning = message.get("reasoning")
        message = {name: value for name, value in message.items() if name != "reasoning"}
        if reasoning and provider.REASONING_FIELD:
            message[provider.REASONING_FIELD] = reasoning
        sent.append(message)
    return sent
