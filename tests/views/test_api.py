"""`api/conversations/`: the list, one conversation, what may be changed, and by whom."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from chat.engine import expiry
from chat.models import Conversation, Generation, LegalHold, Message

pytestmark = pytest.mark.django_db(transaction=True)


def conversation_of(user: Any, turns: int = 1, **fields: Any) -> Conversation:
    conversation = Conversation.objects.create(owner=user, **{"title": "bread", "model": "m", **fields})
    parent = None
    for turn in range(turns):
        question = Message.objects.create(
            conversation=conversation, parent=parent, role="user", content=f"q{turn}", position=2 * turn
        )
        parent = Message.objects.create(
            conversation=conversation,
            parent=question,
            role="assistant",
            content=f"a{turn}",
            position=2 * turn + 1,
            model="m",
        )
        Generation.objects.create(message=parent, owner=user, status="complete", last_n=4)
    return conversation


def url_of(conversation: Conversation) -> str:
    return reverse("llmchat:api_conversation", args=[conversation.pk])


def test_the_list_has_the_last_changed_first_and_leads_to_the_next_page(browser: Client, ada: Any) -> None:
    made = [conversation_of(ada, 0, title=str(n)) for n in range(120)]
    conversation_of(ada, 0, archived=True)
    conversation_of(ada, 0, temporary=True)
    found: list[dict[str, Any]] = []
    address: str | None = reverse("llmchat:api_conversations")
    pages = 0
    while address:
        answer = browser.get(address).json()
        found += answer["results"]
        address = answer["next"]
        pages += 1
    assert [row["title"] for row in found] == [row.title for row in reversed(made)]
    assert pages == 3
    assert set(found[0]) >= {"id", "title", "model", "revision", "state", "updated"}


def test_the_list_costs_the_same_for_one_and_for_fifty(
    browser: Client, ada: Any, django_assert_max_num_queries: Any
) -> None:
    for _ in range(50):
        conversation_of(ada, 2)
    with django_assert_max_num_queries(4):
        assert len(browser.get(reverse("llmchat:api_conversations")).json()["results"]) == 50


@pytest.mark.parametrize(
    ("status", "live", "state"),
    [
        ("complete", False, "idle"),
        ("error", False, "failed"),
        ("running", True, "running"),
        ("queued", True, "running"),
    ],
)
def test_the_state_of_a_conversation(browser: Client, ada: Any, status: str, live: bool, state: str) -> None:
    conversation = conversation_of(ada)
    Message.objects.filter(role="assistant").update(status=status)
    if live:
        Generation.objects.update(status=status)
    assert browser.get(url_of(conversation)).json()["state"] == state


def test_one_conversation_has_its_messages_in_order_with_their_last_generation(
    browser: Client, ada: Any
) -> None:
    conversation = conversation_of(ada, 3)
    answer = browser.get(url_of(conversation)).json()
    messages = answer["messages"]
    assert [m["text"] for m in messages] == ["q0", "a0", "q1", "a1", "q2", "a2"]
    assert [m["parent"] for m in messages] == [None, *(m["id"] for m in messages[:-1])]
    assert answer["leaf"] == messages[-1]["id"]
    assert (messages[0]["generation"], messages[0]["n"]) == (None, -1)
    assert messages[1]["n"] == 4
    fields = {
        "id",
        "parent",
        "role",
        "text",
        "reasoning",
        "status",
        "model",
        "generation",
        "n",
        "error",
        "events",
    }
    assert set(messages[1]) >= fields


def test_a_running_message_is_empty_and_to_be_watched(browser: Client, ada: Any) -> None:
    conversation = conversation_of(ada)
    Message.objects.filter(role="assistant").update(status="running", content="what came before")
    Generation.objects.update(status="running")
    message = browser.get(url_of(conversation)).json()["messages"][1]
    assert (message["text"], message["n"], message["status"]) == ("", -1, "running")


def test_an_answer_in_error_says_why(browser: Client, ada: Any) -> None:
    conversation = conversation_of(ada)
    Generation.objects.update(status="error", error_code="upstream_timeout", reference="abcd")
    error = browser.get(url_of(conversation)).json()["messages"][1]["error"]
    assert error == {
        "code": "upstream_timeout",
        "message": "The model took too long to answer.",
        "reference": "abcd",
    }


def test_a_long_conversation_comes_in_pages(browser: Client, ada: Any) -> None:
    conversation = conversation_of(ada, 0)
    Message.objects.bulk_create(
        Message(conversation=conversation, role="user", content=str(n), position=n) for n in range(1100)
    )
    texts: list[str] = []
    address: str | None = url_of(conversation)
    while address:
        answer = browser.get(address).json()
        texts += [m["text"] for m in answer["messages"]]
        address = answer["next"]
    assert texts == [str(n) for n in range(1100)]


def test_title_pinned_and_archived_can_be_changed(browser: Client, ada: Any) -> None:
    conversation = conversation_of(ada)
    change = {"title": "  new\0 ", "pinned": True, "archived": True}
    answer = browser.patch(url_of(conversation), json.dumps(change), content_type="application/json")
    assert answer.status_code == 200
    conversation.refresh_from_db()
    assert (conversation.title, conversation.pinned, conversation.archived) == ("new", True, True)
    assert conversation.revision == 1
    listed = browser.get(reverse("llmchat:api_conversations") + "?archived=1").json()["results"]
    assert [row["title"] for row in listed] == ["new"]


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        '{"title": ""}',
        '{"title": " "}',
        '{"title": 5}',
        '{"owner": 5}',
        '{"title": "%s"}' % ("x" * 201),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(browser: Client, ada: Any, body: str) -> None:
    answer = browser.patch(url_of(conversation_of(ada)), body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_frame"


def test_deleting_takes_everything_along(browser: Client, ada: Any) -> None:
    conversation = conversation_of(ada, 3)
    assert browser.delete(url_of(conversation)).status_code == 204
    assert not Message.objects.exists()
    assert not Generation.objects.exists()
    assert browser.get(url_of(conversation)).status_code == 404


@pytest.mark.parametrize("on", ["user", "conversation"])
def test_what_is_held_by_law_disappears_for_its_owner_and_stays(browser: Client, ada: Any, on: str) -> None:
    conversation = conversation_of(ada, 2)
    held: dict[str, Any] = {"user": ada} if on == "user" else {"conversation": conversation}
    hold = LegalHold.objects.create(why="case 17", **held)
    assert browser.delete(url_of(conversation)).status_code == 204
    assert browser.get(url_of(conversation)).status_code == 404
    assert patch(browser, conversation, deleted=False).status_code == 404
    assert listed(browser) == []
    assert Message.objects.count() == 4
    hold.delete()
    assert expiry.purge(10) == 1


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_strangers_conversation_is_not_found(ada: Any, method: str) -> None:
    conversation = conversation_of(ada)
    stranger = Client()
    stranger.force_login(get_user_model()._default_manager.create_user("eve", is_superuser=True))
    answer = stranger.generic(method, url_of(conversation), "{}", content_type="application/json")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
    assert Conversation.objects.exists()


def test_without_a_session_everything_is_401(ada: Any) -> None:
    nobody = Client()
    for address in (reverse("llmchat:api_conversations"), url_of(conversation_of(ada))):
        answer = nobody.get(address)
        assert answer.status_code == 401
        assert answer.json()["error"]["message"]


def test_changes_need_a_csrf_token(ada: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    conversation = conversation_of(ada)
    assert browser.delete(url_of(conversation)).status_code == 403
    assert browser.patch(url_of(conversation), "{}", content_type="application/json").status_code == 403
    assert Conversation.objects.exists()


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_place_in_the_list_at_a_moment_of_no_calendar_is_refused(browser: Client, moment: str) -> None:
    place = base64.urlsafe_b64encode(f"1 {moment} {uuid.uuid4()}".encode()).decode()
    response = browser.get(reverse("llmchat:api_conversations"), {"after": place})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "bad_frame")


def test_nonsense_in_the_address_is_refused(browser: Client, ada: Any) -> None:
    assert browser.get(reverse("llmchat:api_conversations") + "?after=%00nonsense").status_code == 400
    assert browser.get(url_of(conversation_of(ada)) + "?after=x").status_code == 400
    missing = reverse("llmchat:api_conversation", args=[uuid.uuid4()])
    assert browser.get(missing).status_code == 404


def test_a_database_that_is_away_is_503_with_a_sentence(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chat.views import api

    def away(*args: Any) -> Any:
        raise OperationalError("away")

    monkeypatch.setattr(api, "with_state", away)
    answer = browser.get(reverse("llmchat:api_conversations"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert answer["Retry-After"]


def patch(browser: Client, conversation: Conversation, **change: Any) -> Any:
    return browser.patch(url_of(conversation), json.dumps(change), content_type="application/json")


def listed(browser: Client, query: str = "") -> list[Any]:
    results = browser.get(reverse("llmchat:api_conversations") + query).json()["results"]
    return [row["title"] for row in results]


def test_pinned_ones_come_first_on_all_pages(browser: Client, ada: Any) -> None:
    for n in range(60):
        conversation_of(ada, 0, title=f"plain {n}")
    for n in range(55):
        conversation_of(ada, 0, title=f"pinned {n}", pinned=True)
    Conversation.objects.filter(pinned=True).update(updated="2020-01-01T00:00:00Z")
    found: list[str] = []
    address: str | None = reverse("llmchat:api_conversations")
    while address:
        answer = browser.get(address).json()
        found += [row["title"] for row in answer["results"]]
        address = answer["next"]
    assert len(found) == len(set(found)) == 115
    assert all(title.startswith("pinned") for title in found[:55])
    assert found[55:] == [f"plain {n}" for n in reversed(range(60))]


def test_a_deletion_hides_at_once_and_can_be_taken_back(browser: Client, ada: Any) -> None:
    conversation = conversation_of(ada, 2)
    assert patch(browser, conversation, deleted=True).status_code == 200
    assert listed(browser) == []
    answer = browser.get(url_of(conversation))
    assert (answer.status_code, answer.json()["error"]["restorable"]) == (404, True)
    assert patch(browser, conversation, title="no").status_code == 404
    assert patch(browser, conversation, deleted=False).status_code == 200
    assert listed(browser) == ["bread"]
    conversation.refresh_from_db()
    assert (conversation.deleted_at, conversation.expires_at) == (None, None)
    assert Message.objects.count() == 4


def test_a_deletion_is_final_when_its_time_has_passed(browser: Client, ada: Any) -> None:
    conversation = conversation_of(ada)
    patch(browser, conversation, deleted=True)
    Conversation.objects.update(expires_at="2020-01-01T00:00:00Z")
    answer = patch(browser, conversation, deleted=False)
    assert (answer.status_code, answer.json()["error"]["restorable"]) == (404, False)


def test_what_somebody_deleted_nobody_else_takes_back(browser: Client, ada: Any) -> None:
    conversation = conversation_of(ada)
    patch(browser, conversation, deleted=True)
    stranger = Client()
    stranger.force_login(get_user_model()._default_manager.create_user("eve"))
    answer = patch(stranger, conversation, deleted=False)
    assert (answer.status_code, answer.json()["error"]["restorable"]) == (404, False)


def test_everything_is_deleted_only_on_purpose(browser: Client, ada: Any) -> None:
    address = reverse("llmchat:api_conversations")
    eve = get_user_model()._default_manager.create_user("eve")
    theirs = conversation_of(eve)
    for fields in ({}, {"archived": True}, {"temporary": True}):
        conversation_of(ada, 1, **fields)
    for body in ("", "{}", '{"all": false}'):
        assert browser.delete(address, body, content_type="application/json").status_code == 400
    assert browser.delete(address, '{"all": true}', content_type="application/json").status_code == 204
    assert listed(browser) == listed(browser, "?archived=1") == []
    assert expiry.purge(10) == 3
    assert list(Conversation.objects.all()) == [theirs]


def test_a_temporary_conversation_is_kept_when_asked_to(browser: Client, ada: Any) -> None:
    conversation = conversation_of(ada, 1, temporary=True, expires_at="2030-01-01T00:00:00Z")
    assert browser.get(reverse("llmchat:api_search"), {"q": "q0"}).json()["results"] == []
    assert patch(browser, conversation, temporary=True).status_code == 400
    assert patch(browser, conversation, temporary=False).json()["temporary"] is False
    conversation.refresh_from_db()
    assert conversation.expires_at is None
    found = browser.get(reverse("llmchat:api_search"), {"q": "q0"}).json()["results"]
    assert [hit["conversation"] for hit in found] == [str(conversation.pk)]


def test_having_read_something_is_no_change_of_it(browser: Client, ada: Any) -> None:
    conversation = conversation_of(ada, 1, unread=True)
    assert patch(browser, conversation, unread=False).json()["unread"] is False
    conversation.refresh_from_db()
    assert (conversation.unread, conversation.revision) == (False, 0)


def test_a_new_title_is_found_and_the_old_one_is_not(browser: Client, ada: Any) -> None:
    conversation = conversation_of(ada)
    patch(browser, conversation, title="sourdough")
    patch(browser, conversation, title="rye")
    address = reverse("llmchat:api_search")
    assert browser.get(address, {"q": "sourdough"}).json()["results"] == []
    (hit,) = browser.get(address, {"q": "RYE"}).json()["results"]
    assert hit["title"] == [["rye", True]]
