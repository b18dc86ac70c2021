"""`api/messages/<uuid>/feedback/`: one opinion per reader and answer, of one's own answers only."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from chat.models import Feedback, Message

from .test_api import conversation_of, url_of

pytestmark = pytest.mark.django_db(transaction=True)


def put(browser: Client, message: Any, **opinion: Any) -> Any:
    return browser.put(address(message), json.dumps(opinion), content_type="application/json")


def address(message: Any) -> str:
    return reverse("llmchat:api_feedback", args=[message])


@pytest.fixture
def answer(ada: Any) -> Message:
    return conversation_of(ada).messages.get(role="assistant")


def test_an_opinion_is_kept_and_shown_with_its_message(browser: Client, answer: Message) -> None:
    opinion = {"rating": -1, "reasons": ["style", "wrong"], "comment": "Too long."}
    given = put(browser, answer.pk, rating=-1, reasons=["wrong", "style", "wrong"], comment=" Too\0 long. ")
    assert (given.status_code, json.loads(given.content)) == (200, opinion)
    messages = browser.get(url_of(answer.conversation)).json()["messages"]
    assert [message["feedback"] for message in messages] == [None, opinion]


def test_a_later_opinion_replaces_the_one_before(browser: Client, answer: Message) -> None:
    put(browser, answer.pk, rating=-1, reasons=["wrong"], comment="No.")
    assert put(browser, answer.pk, rating=1).status_code == 200
    row = Feedback.objects.get()
    assert (row.rating, row.reasons, row.comment) == (1, [], "")


def test_an_opinion_can_be_taken_back_and_again(browser: Client, answer: Message) -> None:
    put(browser, answer.pk, rating=1)
    assert browser.delete(address(answer.pk)).status_code == 204
    assert browser.delete(address(answer.pk)).status_code == 204
    assert not Feedback.objects.exists()


@pytest.mark.parametrize(
    "opinion",
    [
        {},
        {"rating": 0},
        {"rating": 2},
        {"rating": "1"},
        {"rating": 1, "reasons": ["because"]},
        {"rating": 1, "reasons": ["wrong"] * 50},
        {"rating": 1, "comment": "x" * 2001},
        {"rating": 1, "owner": 1},
    ],
)
def test_nonsense_is_refused(browser: Client, answer: Message, opinion: dict[str, Any]) -> None:
    refused = put(browser, answer.pk, **opinion)
    assert (refused.status_code, json.loads(refused.content)["error"]["code"]) == (400, "bad_frame")
    assert not Feedback.objects.exists()


def test_a_question_has_no_opinions(browser: Client, answer: Message) -> None:
    assert put(browser, answer.parent_id, rating=1).status_code == 409


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_strangers_answer_is_not_found(browser: Client, answer: Message, method: str) -> None:
    put(browser, answer.pk, rating=1)
    stranger = Client()
    stranger.force_login(get_user_model()._default_manager.create_user("eve", is_superuser=True))
    for pk in (answer.pk, uuid.uuid4()):
        refused = stranger.generic(method, address(pk), '{"rating": -1}', content_type="application/json")
        assert refused.status_code == 404
    assert Feedback.objects.get().rating == 1


def test_it_takes_a_session_and_a_token(ada: Any, answer: Message) -> None:
    assert put(Client(), answer.pk, rating=1).status_code == 401
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(ada)
    assert put(careful, answer.pk, rating=1).status_code == 403
    assert not Feedback.objects.exists()
