"""How a model is told to go on with an answer that has begun."""

from __future__ import annotations

from typing import Any

from ..conf import Provider
from ..models import Role

GO_ON = (
    "Your last answer was cut off. Continue it exactly where it stopped: no introduction, "
    "no apology, no repetition; the first character you write follows the last one above."
)
#: For a joint within one answer: what is said twice can be found, what is left out cannot.
GO_ON_FROM = (
    "Your last answer was cut off. Continue it exactly where it stopped: no introduction and no "
    "apology. So that the two parts can be joined, begin by repeating its last words, which are:\n"
    "{anchor}\nand go on from there without a break."
)


def going_on(
    messages: list[dict[str, Any]], so_far: str, provider: Provider, anchor: str = ""
) -> list[dict[str, Any]]:
    """`messages` extended so that the model goes on with the answer `so_far`; of a long one it gets the end.

    A provider with `ASSISTANT_PREFIX` takes an unfinished assistant message at the end as the beginning of
    its answer; any other gets the wish in words, with the last words (`anchor`) to begin with.
    """
    if not so_far:
        return messages
    unfinished = {"role": Role.ASSISTANT.value, "content": last_part(so_far, provider.CONTEXT_TOKENS)}
    if provider.ASSISTANT_PREFIX:
        return [*messages, unfinished]
    wish = GO_ON_FROM.format(anchor=anchor) if anchor else GO_ON
    return [*messages, unfinished, {"role": Role.USER.value, "content": wish}]


def last_part(text: str, window: int) -> str:
    """As much of the end of `text` as a quarter of the window takes; all of it where none is known."""
    return text.encode()[-3 * (window // 4) :].decode(errors="ignore") if window else text


def adapted(
    messages: list[dict[str, Any]], written_for: Provider, provider: Provider
) -> list[dict[str, Any]]:
    """`messages` that were put together for one provider, as another one wants them."""
    old, new = written_for.REASONING_FIELD, provider.REASONING_FIELD
    if old == new or not old:
        return messages
    sent = []
    for message in messages:
        others = {name: value for name, value in message.items() if name != old}
        sent.append({**others, new: message[old]} if new and old in message else others)
    return sent
