from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chat.models import ContentAccess, Conversation, Feedback, Message, Role

from .conftest import CANARY, client_of, converse, make_user, run, say

pytestmark = pytest.mark.django_db

LIST = "/admin/llmchat/feedback/"


def rate(conversation: Conversation, rating: int = -1, **fields: Any) -> Feedback:
    answer = conversation.messages.filter(role=Role.ASSISTANT).order_by("position")[0]
    return Feedback.objects.create(message=answer, owner=conversation.owner, rating=rating, **fields)


@pytest.fixture
def rated(owner: User) -> Feedback:
    """A bad rating of one of two answers to the same question."""
    conversation = converse(owner, ("why is it so", f"because {CANARY}"))
    question = conversation.messages.get(role=Role.USER)
    run(say(conversation, question, Role.ASSISTANT, f"otherwise {CANARY}"))
    return rate(conversation, reasons=["wrong", "style", "old one"], comment=f"no {CANARY}!")


def lines(response: Any) -> list[Any]:
    return [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]


def test_the_queue_tells_who_thinks_what_and_why(reader: Client, rated: Feedback) -> None:
    page = reader.get(LIST).text
    for shown in ("bad", "grace", "tiny", "Not correct", "Style or length", "old one", f"no {CANARY}!"):
        assert shown in page
    access = ContentAccess.objects.get()
    assert (access.action, access.what) == ("list", "feedback")


def test_a_page_of_ones_comments_names_them(reader: Client, owner: User, rated: Feedback) -> None:
    rate(converse(make_user("user"), ("one", "two")), comment="other")
    reader.get(LIST)
    reader.get(LIST, {"user": "grace"})
    found = list(ContentAccess.objects.order_by("id").values_list("owner", "owner_name", "what"))
    assert found == [(None, "", "feedback"), (owner.pk, "grace", "feedback user=grace")]


def test_without_the_permission_no_text_is_shown_or_exported(lister: Client, rated: Feedback) -> None:
    action = {"action": "export", "_selected_action": [str(rated.pk)]}
    for response in (
        lister.get(LIST),
        lister.get(f"{LIST}{rated.pk}/change/"),
        lister.post(LIST, action, follow=True),
    ):
        assert CANARY not in response.text
        assert "why is it so" not in response.text
    assert not ContentAccess.objects.exists()


def test_the_answers_to_the_question_stand_side_by_side(reader: Client, rated: Feedback) -> None:
    page = reader.get(f"{LIST}{rated.pk}/change/").text
    for shown in ("why is it so", f"because {CANARY}", f"otherwise {CANARY}", "another version"):
        assert shown in page
    access = ContentAccess.objects.get()
    assert (access.action, access.conversation_id) == ("compare", rated.message.conversation_id)


def test_what_is_handled_leaves_the_queue_and_the_next_is_shown(reader: Client, rated: Feedback) -> None:
    other = rate(converse(make_user("user"), ("a", "b")), 1)
    response = reader.post(f"{LIST}{other.pk}/change/", {"handled": "1"})
    assert response["Location"] == f"{LIST}{rated.pk}/change/"
    other.refresh_from_db()
    assert other.handled_by == "reader"
    assert reader.get(LIST, {"state": "open"}).text.count("field-thumb") == 1
    assert reader.get(LIST, {"state": "handled"}).text.count("field-thumb") == 1
    assert reader.post(f"{LIST}{rated.pk}/change/", {"handled": "1"})["Location"] == LIST
    reader.post(f"{LIST}{rated.pk}/change/", {"handled": "0"})
    rated.refresh_from_db()
    assert (rated.handled_at, rated.handled_by) == (None, "")


def test_several_are_marked_at_once(reader: Client, rated: Feedback) -> None:
    action = {"action": "mark_handled", "_selected_action": [str(rated.pk)]}
    assert "1 rating is marked as handled." in reader.post(LIST, action, follow=True).text
    assert "0 ratings are marked as handled." in reader.post(LIST, action, follow=True).text
    action["action"] = "mark_open"
    assert "1 rating is to do again." in reader.post(LIST, action, follow=True).text


def test_a_new_opinion_has_to_be_looked_at_anew(reader: Client, owner: User, rated: Feedback) -> None:
    reader.post(f"{LIST}{rated.pk}/change/", {"handled": "1"})
    client = Client()
    client.force_login(owner)
    opinion = json.dumps({"rating": 1})
    address = f"/api/messages/{rated.message_id}/feedback/"
    assert client.put(address, opinion, content_type="application/json").status_code == 200
    rated.refresh_from_db()
    assert rated.handled_at is None


def test_it_is_exported_with_question_and_other_answers(reader: Client, rated: Feedback) -> None:
    response = reader.post(LIST, {"action": "export", "_selected_action": [str(rated.pk)]})
    (line,) = lines(response)
    assert (line["rating"], line["question"], line["answer"]) == (-1, "why is it so", f"because {CANARY}")
    assert [other["answer"] for other in line["others"]] == [f"otherwise {CANARY}"]
    assert "grace" not in json.dumps(line)
    access = ContentAccess.objects.get(action="export")
    assert (access.conversation_id, access.what) == (rated.message.conversation_id, "jsonl feedback")


def test_conversations_are_exported_whole_and_recorded(reader: Client, rated: Feedback) -> None:
    conversation = rated.message.conversation
    action = {"action": "export", "_selected_action": [str(conversation.pk)]}
    (line,) = lines(reader.post("/admin/llmchat/conversation/", action))
    assert [message["parent"] for message in line["messages"]] == [None, 0, 0]
    assert ContentAccess.objects.get(action="export").owner == conversation.owner
    forbidden = client_of("lister").post("/admin/llmchat/conversation/", action, follow=True)
    assert CANARY not in forbidden.text


def test_ratings_in_temporary_conversations_do_not_appear(reader: Client, owner: User) -> None:
    hidden = rate(converse(owner, ("a", "b"), temporary=True))
    assert "field-thumb" not in reader.get(LIST).text
    assert reader.get(f"{LIST}{hidden.pk}/change/").status_code == 302


def test_nobody_changes_adds_or_deletes_one(rated: Feedback) -> None:
    client = client_of("superuser")
    assert client.get(LIST + "add/").status_code == 403
    assert client.post(f"{LIST}{rated.pk}/delete/", {"post": "yes"}).status_code == 403
    viewer = client_of("staff")
    assert viewer.post(f"{LIST}{rated.pk}/change/", {"handled": "1"}).status_code == 403


def test_many_rows_take_no_more_queries_than_one(reader: Client, owner: User) -> None:
    counts = []
    for wanted in (1, 40):
        while Feedback.objects.count() < wanted:
            rate(converse(owner, ("a", "b")), comment="x")
        with CaptureQueriesContext(connection) as captured:
            assert reader.get(LIST).text.count("field-thumb") == wanted
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 12
    assert Message.objects.count() == 80
