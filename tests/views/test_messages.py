"""`api/messages/<id>/`: pinning, and what the model and the user are told of what is left out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from chat.models import Conversation, Generation, Message
from chat.testing.script import Script
from tests.insite import InSite

pytestmark = pytest.mark.django_db(transaction=True)


def say(user: Any, count: int = 2) -> list[Message]:
    conversation = Conversation.objects.create(owner=user)
    said: list[Message] = []
    for position in range(count):
        said.append(
            Message.objects.create(
                conversation=conversation,
                parent=said[-1] if said else None,
                role="assistant" if position % 2 else "user",
                content=f"text {position}",
                position=position,
            )
        )
    return said


def patch(client: Client, message: Message, body: Any) -> Any:
    raw = body if isinstance(body, str) else json.dumps(body)
    return client.patch(f"/api/messages/{message.pk}/", raw, content_type="application/json")


def test_a_message_is_pinned_and_let_go(browser: Client, ada: Any) -> None:
    message = say(ada)[0]
    answer = patch(browser, message, {"pinned": True})
    assert (answer.status_code, answer.json()["pinned"], answer.json()["text"]) == (200, True, "text 0")
    shown = browser.get(f"/api/conversations/{message.conversation_id}/").json()
    assert [row["pinned"] for row in shown["messages"]] == [True, False]
    assert shown["revision"] == 1
    assert patch(browser, message, {"pinned": False}).json()["pinned"] is False


@pytest.mark.parametrize("body", ["{", "[]", {}, {"pinned": 1}, {"pinned": True, "text": "other"}])
def test_a_change_that_makes_no_sense_is_refused(browser: Client, ada: Any, body: Any) -> None:
    answer = patch(browser, say(ada)[0], body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_frame")


def test_one_that_is_being_written_waits(browser: Client, ada: Any) -> None:
    message = say(ada)[1]
    Generation.objects.create(message=message, owner=ada, status="running")
    assert patch(browser, message, {"pinned": True}).json()["error"]["code"] == "busy"


def test_not_everything_can_be_pinned(browser: Client, ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.views.messages.MAX_PINNED", 2)
    statuses = [patch(browser, message, {"pinned": True}).status_code for message in say(ada, 3)]
    assert statuses == [200, 200, 409]


def test_a_strangers_message_is_not_found(ada: Any) -> None:
    message = say(ada)[0]
    stranger = Client()
    stranger.force_login(get_user_model()._default_manager.create_user("eve", is_superuser=True))
    assert patch(stranger, message, {"pinned": True}).status_code == 404
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    assert patch(strict, message, {"pinned": True}).status_code == 403
    message.refresh_from_db()
    assert not message.pinned


@pytest.mark.chat(PROVIDERS={}, MODEL="scripted")
async def test_the_user_is_told_what_was_left_out_and_that_stays_with_the_answer(
    site: InSite, settings: Any
) -> None:
    provider = {"BASE_URL": site.upstream.base_url, "CONTEXT_TOKENS": 200}
    settings.LLMCHAT = settings.LLMCHAT | {"PROVIDERS": {"default": provider}}
    site.upstream.default = Script(count=3)
    user, cookie = await site.person()
    said = await site.db(say, user, 30)
    await site.db(Message.objects.filter(pk=said[0].pk).update, pinned=True)
    client = await site.client(cookie)
    accepted = await client.send("and now?", str(said[0].conversation_id))
    generation = accepted["generation"]
    await client.ended(generation)
    (event,) = [
        frame for frame in client.frames if isinstance(frame, dict) and frame.get("kind") == "context"
    ]
    read = [message["content"] for message in site.upstream.seen[0].body["messages"]]
    assert read[0] == "text 0"
    assert read[-1] == "and now?"
    assert (event["generation"], event["n"], event["left_out"]) == (generation, 1, 31 - len(read))
    answer = await site.db(Message.objects.get, pk=accepted["assistant_message"])
    assert answer.steps == [event]
