"""What users write, as the site's policy wants it stored and sent."""

from __future__ import annotations

from typing import Any

import msgspec

from ..exceptions import Refused
from ..models import Conversation, Role
from ..policy import get_policy
from .orders import Call


def prepared(user: Any, text: str, conversation: Conversation | None) -> str:
    """The text as the policy leaves it. Raises `Refused`, also when nothing is left."""
    text = get_policy().prepare_text(user, text, conversation)
    if not text.strip():
        raise Refused("bad_frame")
    return text


def prepared_call(user: Any, call: Call) -> Call:
    """The call with each text that a user wrote as the policy leaves it; texts between may become empty."""
    policy = get_policy()

    def changed(content: Any) -> Any:
        if isinstance(content, str):
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
            {**message, "content": changed(message.get("content"))}
            if message.get("role") == Role.USER
            else message
            for message in call.messages
        ],
        earlier=[(role, changed(text) if role == Role.USER else text) for role, text in call.earlier],
    )
