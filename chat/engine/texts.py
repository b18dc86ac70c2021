"""What users write, as the site's policy wants it stored and sent."""

from __future__ import annotations

from typing import Any

import msgspec

from ..exceptions import Refused
from ..models import Conversation
from ..policy import get_policy
from .orders import Call

#: Of a message of a call, what is words.
_TEXTS = ("content", "reasoning")


def prepared(user: Any, text: str, conversation: Conversation | None) -> str:
    """The text as the policy leaves it. Raises `Refused`, also when nothing is left."""
    text = get_policy().prepare_text(user, text, conversation)
    if not text.strip():
        raise Refused("bad_frame")
    return text


def prepared_note(user: Any, text: str, conversation: Conversation | None = None) -> str:
    """The same of what may be empty: a system prompt, instructions, a comment. Raises `Refused`."""
    return get_policy().prepare_text(user, text, conversation) if text else text


def prepared_call(user: Any, call: Call) -> Call:
    """The call with each text as the policy leaves it, whose ever it is said to be: all came from the client.

    Texts between may become empty.
    """
    policy = get_policy()

    def changed(content: Any) -> Any:
        if isinstance(content, str) and content:
            return policy.prepare_text(user, content, None)
        if isinstance(content, list):
            return [
                {**part, "text": policy.prepare_text(user, part["text"], None)}
                if isinstance(part, dict) and isinstance(part.get("text"), str)
                else part
                for part in content
            ]
        return content

    return msgspec.structs.replace(
        call,
        messages=[
            {name: changed(value) if name in _TEXTS else value for name, value in message.items()}
            for message in call.messages
        ],
        earlier=[(role, changed(text)) for role, text in call.earlier],
    )
