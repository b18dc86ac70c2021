"""What a model gets to read."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from chat.conf import Provider
from chat.engine import prompt
from chat.models import Conversation, Message, Role

TURNS = 40


def branch_of(*turns: tuple[str, str, str]) -> tuple[Conversation, Message]:
    """A conversation of (role, text, reasoning), one below the other, and its last message."""
    owner = get_user_model()._default_manager.create_user("ada")
    conversation = Conversation.objects.create(owner=owner)
    leaf = None
    for position, (role, text, reasoning) in enumerate(turns):
        leaf = Message.objects.create(
            conversation=conversation,
            parent=leaf,
            position=position,
            role=role,
            content=text,
            reasoning=reasoning,
        )
    assert leaf is not None
    return conversation, leaf


@pytest.mark.django_db
def test_earlier_reasoning_goes_back_only_to_a_provider_that_wants_it() -> None:
    conversation, leaf = branch_of(
        ("user", "one", ""), ("assistant", "two", "so one and one"), ("user", "three", "")
    )
    assert "so one" not in str(prompt.build(conversation, leaf, "", Provider()))
    wanting = Provider(REASONING_FIELD="reasoning_content")
    assert prompt.build(conversation, leaf, "", wanting) == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two", "reasoning_content": "so one and one"},
        {"role": "user", "content": "three"},
    ]


@pytest.mark.django_db
def test_a_long_branch_is_read_with_one_query(django_assert_num_queries: Any) -> None:
    owner = get_user_model()._default_manager.create_user("ada")
    conversation = Conversation.objects.create(owner=owner)
    leaf = None
    for position in range(2 * TURNS + 1):
        role = Role.ASSISTANT if position % 2 else Role.USER
        leaf = Message.objects.create(
            conversation=conversation, parent=leaf, position=position, role=role, content=f"text {position}"
        )
    assert leaf is not None
    with django_assert_num_queries(1):
        messages = prompt.build(conversation, leaf, "", Provider())
    assert [message["content"] for message in messages] == [f"text {n}" for n in range(2 * TURNS + 1)]
