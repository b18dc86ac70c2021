"""What a model gets to read."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from chat.conf import Provider
from chat.engine import prompt
from chat.exceptions import Refused
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
    assert prompt.build(conversation, leaf, "", wanting).messages == [
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
        told = prompt.build(conversation, leaf, "", Provider())
    assert [message["content"] for message in told.messages] == [f"text {n}" for n in range(2 * TURNS + 1)]


def words(text: str) -> int:
    """A counter that a reader can follow: a token is a word."""
    return len(text.split())


def talk(turns: int, *, pinned: tuple[int, ...] = ()) -> tuple[Conversation, Message]:
    """So many questions of ten words with answers of as many, and one more question."""
    said = [("assistant" if n % 2 else "user", f"text{n}" + " word" * 9, "") for n in range(2 * turns + 1)]
    conversation, leaf = branch_of(*said)
    conversation.messages.filter(position__in=pinned).update(pinned=True)
    return conversation, leaf


def sent(told: prompt.Prompt) -> list[str]:
    return [message["content"].split()[0] for message in told.messages]


def window(messages: int) -> Provider:
    """One with room for so many messages of ten words, and as much again for the answer."""
    return Provider(CONTEXT_TOKENS=2 * messages * (10 + prompt.TOKENS_PER_MESSAGE))


def build(conversation: Conversation, leaf: Message, provider: Provider, system: str = "") -> prompt.Prompt:
    return prompt.build(
        conversation, leaf, system, provider, count=words, answer_tokens=provider.CONTEXT_TOKENS
    )


@pytest.mark.django_db
def test_the_oldest_are_left_out_where_the_window_is_too_small() -> None:
    told = build(*talk(5), window(3))
    assert sent(told) == ["text8", "text9", "text10"]
    assert told.left_out == 8


@pytest.mark.django_db
def test_what_is_kept_does_not_begin_with_an_answer() -> None:
    told = build(*talk(5), window(4))
    assert (sent(told), told.left_out) == (["text8", "text9", "text10"], 8)


@pytest.mark.django_db
def test_nothing_is_left_out_where_there_is_room_or_no_window_is_known() -> None:
    conversation, leaf = talk(2)
    for provider in (window(5), Provider()):
        told = build(conversation, leaf, provider)
        assert (len(told.messages), told.left_out) == (5, 0)


@pytest.mark.django_db
def test_system_prompt_and_pinned_messages_stay_in_their_places() -> None:
    told = build(*talk(5, pinned=(1, 4)), window(6), system="be kind" + " word" * 8)
    assert sent(told) == ["be", "text1", "text4", "text8", "text9", "text10"]
    assert told.left_out == 6


@pytest.mark.django_db
def test_what_must_stay_and_does_not_fit_is_refused() -> None:
    conversation, leaf = talk(3, pinned=(0, 1, 2))
    assert sent(build(conversation, leaf, window(4))) == ["text0", "text1", "text2", "text6"]
    with pytest.raises(Refused, match="context_too_long"):
        build(conversation, leaf, window(3))


@pytest.mark.django_db
def test_beyond_the_history_only_what_is_pinned_is_read(settings: Any) -> None:
    settings.LLMCHAT = {**settings.LLMCHAT, "MAX_HISTORY_MESSAGES": 3}
    conversation, leaf = talk(5, pinned=(2,))
    told = build(conversation, leaf, Provider())
    assert sent(told) == ["text2", "text8", "text9", "text10"]
    assert told.left_out == 7


@pytest.mark.django_db
def test_other_branches_do_not_count() -> None:
    conversation, leaf = talk(2)
    beside = Message.objects.create(
        conversation=conversation, parent=None, position=9, role="user", content="beside", pinned=True
    )
    last = Message.objects.create(
        conversation=conversation, parent=leaf, position=10, role="assistant", content="last"
    )
    assert "beside" not in sent(build(conversation, last, Provider()))
    assert sent(build(conversation, beside, Provider())) == ["beside"]
