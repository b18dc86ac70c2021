"""What a model gets to read: the system prompt and as much of the branch as fits its window."""

from __future__ import annotations

from typing import Any

from ..conf import Provider, settings
from ..exceptions import Refused
from ..models import Conversation, Message, Role

#: What a chat template adds to each message, roughly.
TOKENS_PER_MESSAGE = 5

GO_ON = (
    "Your last answer was cut off. Continue it exactly where it stopped: no introduction, "
    "no apology, no repetition; the first character you write follows the last one above."
)


def estimate_tokens(text: str) -> int:
    """How many tokens `text` takes, guessed high: a third of its UTF-8 bytes.

    Byte-pair vocabularies need about a quarter for English and up to a third for CJK.
    """
    return len(text.encode()) // 3 + TOKENS_PER_MESSAGE


def estimate_messages(messages: list[dict[str, Any]]) -> int:
    """How many tokens a request's messages take, guessed high."""
    return sum(estimate_tokens(str(message.get("content") or "")) for message in messages)


def build(
    conversation: Conversation,
    leaf: Message,
    system: str,
    provider: Provider,
    *,
    answer_tokens: int | None = None,
    unfinished: str = "",
) -> list[dict[str, Any]]:
    """The `messages` of the request for an answer below `leaf`, oldest first.

    `unfinished` is the beginning of that answer, for the model to go on with; of a long one it gets
    the end.
    The oldest messages are left out where the window is too small; system prompt and last message
    stay. Raises `Refused("context_too_long")` when not even these fit.
    """
    room: float = float("inf")
    if window := provider.CONTEXT_TOKENS:
        room = window - min(answer_tokens or window // 4, window // 2)
    if system:
        room -= estimate_tokens(system)
    if unfinished:
        unfinished = _last(unfinished, window // 4) if window else unfinished
        room -= estimate_tokens(unfinished) + estimate_tokens(GO_ON)
    kept: list[dict[str, Any]] = []
    for message in _branch(conversation, leaf, with_reasoning=bool(provider.REASONING_FIELD)):
        if not message.content:
            continue
        room -= estimate_tokens(message.content)
        if room < 0:
            if not kept:
                raise Refused("context_too_long")
            break
        kept.append(_as_sent(message, provider.REASONING_FIELD))
    if system:
        kept.append({"role": Role.SYSTEM.value, "content": system})
    return _going_on(kept[::-1], unfinished, prefix=provider.ASSISTANT_PREFIX)


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


def _last(text: str, tokens: int) -> str:
    """The end of `text`, of at most so many tokens."""
    return text.encode()[-3 * tokens :].decode(errors="ignore")


def _branch(conversation: Conversation, leaf: Message, *, with_reasoning: bool) -> list[Message]:
    """`leaf` and its ancestors, nearest first, at most `MAX_HISTORY_MESSAGES` of them.

    A parent is always written before its child, so one descending scan meets them in order.
    """
    branch = [leaf]
    wanted = leaf.parent_id
    if wanted is None:
        return branch
    reasoning = ("reasoning",) if with_reasoning else ()
    older = (
        conversation.messages.filter(position__lt=leaf.position)
        .order_by("-position")
        # The conversation too: Django compares it with the one asked, row by row.
        .only("id", "conversation_id", "parent_id", "role", "content", *reasoning)
    )
    for message in older.iterator(chunk_size=100):
        if message.id == wanted:
            branch.append(message)
            wanted = message.parent_id
            if wanted is None or len(branch) >= settings.MAX_HISTORY_MESSAGES:
                break
    return branch


def _going_on(messages: list[dict[str, Any]], so_far: str, *, prefix: bool) -> list[dict[str, Any]]:
    """`messages` extended so that the model goes on with the answer `so_far`.

    With `prefix` the provider takes an unfinished assistant message at the end as the beginning of
    its answer; without it, the wish is put into words.
    """
    if not so_far:
        return messages
    unfinished = {"role": Role.ASSISTANT.value, "content": so_far}
    if prefix:
        return [*messages, unfinished]
    return [*messages, unfinished, {"role": Role.USER.value, "content": GO_ON}]
