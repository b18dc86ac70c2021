"""`api/conversations/<uuid>/fork/`: a branch goes on as a conversation of its own."""

from __future__ import annotations

import datetime
import json
import uuid
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from chat.models import Conversation, Message

from .test_api import conversation_of, url_of

pytestmark = pytest.mark.django_db(transaction=True)


def post(browser: Client, conversation: Conversation, message: Any) -> Any:
    address = reverse("llmchat:api_fork", args=[conversation.pk])
    return browser.post(address, json.dumps({"message": str(message)}), content_type="application/json")


def test_a_fork_has_the_branch_up_to_the_message_and_nothing_else(browser: Client, ada: Any) -> None:
    source = conversation_of(ada, 3, system_prompt="Be brief.", options={"temperature": 0.5})
    questions = list(source.messages.filter(role="user").order_by("position"))
    # A version of the second answer that is not on the branch.
    Message.objects.create(
        conversation=source, parent=questions[1], role="assistant", content="other", position=99
    )
    leaf = source.messages.get(content="a1")
    answer = post(browser, source, leaf.pk)
    assert answer.status_code == 201
    fork = Conversation.objects.get(pk=answer.json()["id"])
    assert (fork.title, fork.system_prompt, fork.options) == (
        "bread (fork)",
        "Be brief.",
        {"temperature": 0.5},
    )
    messages = browser.get(url_of(fork)).json()["messages"]
    assert [message["text"] for message in messages] == ["q0", "a0", "q1", "a1"]
    assert [message["parent"] for message in messages] == [None, *(one["id"] for one in messages[:-1])]
    assert {message["id"] for message in messages}.isdisjoint(
        str(pk) for pk in source.messages.values_list("pk", flat=True)
    )
    assert source.messages.count() == 7
    found = browser.get(reverse("llmchat:api_search") + "?q=q1").json()["results"]
    assert str(fork.pk) in json.dumps(found)


def test_the_source_may_go_and_the_fork_stays(browser: Client, ada: Any) -> None:
    source = conversation_of(ada)
    fork = post(browser, source, source.messages.get(role="assistant").pk).json()["id"]
    assert browser.delete(url_of(source)).status_code == 204
    assert Message.objects.filter(conversation=fork).count() == 2


def test_what_is_still_being_written_cannot_be_forked(browser: Client, ada: Any) -> None:
    source = conversation_of(ada)
    Message.objects.filter(role="assistant").update(status="running")
    answer = post(browser, source, source.messages.get(role="assistant").pk)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "busy")
    assert Conversation.objects.count() == 1


def test_forks_have_a_pace(browser: Client, ada: Any) -> None:
    source = conversation_of(ada)
    leaf = source.messages.get(role="assistant").pk
    with override_settings(LLMCHAT={**settings.LLMCHAT, "COMMANDS_PER_MINUTE": 3}):
        assert [post(browser, source, leaf).status_code for _ in range(2)] == [201, 201]
        answer = post(browser, source, leaf)
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limited")
        assert answer["Retry-After"]
        old = timezone.now() - datetime.timedelta(minutes=2)
        Conversation.objects.filter(title__endswith="(fork)").update(created=old)
        assert post(browser, source, leaf).status_code == 201
    with override_settings(LLMCHAT={**settings.LLMCHAT, "COMMANDS_PER_MINUTE": 0}):
        assert [post(browser, source, leaf).status_code for _ in range(4)] == [201] * 4


def test_a_branch_that_is_too_long_is_not_forked(
    browser: Client, ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.views.fork.MAX_MESSAGES", 4)
    source = conversation_of(ada, 3)
    assert post(browser, source, source.messages.get(content="a1").pk).status_code == 201
    answer = post(browser, source, source.messages.get(content="q2").pk)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert "too long to be forked" in answer.json()["error"]["message"]


def test_only_ones_own_messages_of_that_conversation(browser: Client, ada: Any) -> None:
    source, other = conversation_of(ada), conversation_of(ada)
    for message in (other.messages.get(role="user").pk, uuid.uuid4()):
        assert post(browser, source, message).status_code == 404
    assert post(browser, source, "nonsense").status_code == 400
    stranger = Client()
    stranger.force_login(get_user_model()._default_manager.create_user("eve", is_superuser=True))
    assert post(stranger, source, source.messages.get(role="user").pk).status_code == 404
    assert post(Client(), source, source.messages.get(role="user").pk).status_code == 401
    assert Conversation.objects.count() == 2
