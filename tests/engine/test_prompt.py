"""What a model gets to read."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from chat.conf import Provider
from chat.engine import prompt
from chat.models import Conversation, Message, Role

TURNS = 40


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
