"""What people should not have written never gets to the provider, and what only looks like it does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client, override_settings
from django.urls import reverse

from chat.engine.orders import Call
from chat.exceptions import Refused
from chat.models import Conversation, Message, Owner
from chat.redaction import RedactionMixin, redact
from tests.insite import InSite
from tests.rights.people import tables_with


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Write to ada.lovelace+chat@mail.example.co.uk, please.", "Write to [e-mail], please."),
        ("ada@exämple.org und bob@example.com", "[e-mail] und [e-mail]"),
        ("My account: DE89 3704 0044 0532 0130 00.", "My account: [IBAN]."),
        ("gb29nwbk60161331926819", "[IBAN]"),
        ("card 4111 1111 1111 1111 exp 12/29", "card [card] exp 12/29"),
        ("378282246310005", "[card]"),
        ("call +49 30 901820 or (see) 030/90 18 20-0!", "call [phone] or (see) [phone]!"),
        ("+1 (415) 555-2671", "[phone]"),
    ],
)
def test_is_found(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "a @ b, @decorator, x@localhost",
        "DE00 3704 0044 0532 0130 00",
        "4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "2026-11-24 17:01:00, version 10.4.2, 1,000,000 of 3.14159265358979",
        "192.168.100.200 and 127.0.0.1:8000",
        "the year 1984, room 0815",
        "",
    ],
)
def test_is_left(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("piece", ["1", "1 ", "a@", "a.", "+1", "DE89 ", "x" * 70 + "@", "0 ("])
def test_no_text_takes_long(piece: str) -> None:
    started = time.process_time()
    redact((piece * 200_000)[:200_000])
    assert time.process_time() - started < 2


class Refusing(RedactionMixin):
    def prepare_text(self, user: Any, text: str, conversation: Conversation | None) -> str:
        if "forbidden word" in text:
            raise Refused("content_filtered")
        return super().prepare_text(user, text, conversation)


POLICY = f"{__name__}.Refusing"
SECRET, SHOWN = "I am ada@example.com", "I am [e-mail]"


@pytest.mark.chat(POLICY=POLICY)
async def test_the_policy_changes_a_text_before_it_is_stored_or_sent(site: InSite) -> None:
    client = await site.client(await site.user())
    accepted = await client.send(SECRET)
    await client.ended(accepted["generation"])
    edited = await client.ask("edit", message=accepted["user_message"], text=f"{SECRET} again")
    await client.ended(edited["generation"])
    person, _cookie = await site.person()
    parts = [{"type": "text", "text": SECRET}, {"type": "image_url", "image_url": {"url": "x"}}]
    messages: list[dict[str, Any]] = [{"role": "user", "content": SECRET}, {"role": "user", "content": parts}]
    await site.runner.intake.submit_stateless(Owner.of(person), person, Call(messages, "http"))
    seen = await site.upstream.await_requests(3)
    assert "ada@example.com" not in "".join(str(request.body) for request in seen)
    assert str(seen[2].body).count(SHOWN) == 2
    assert await site.db(lambda: Conversation.objects.get().title) == SHOWN
    assert await site.db(tables_with, "ada@example.com") == set()


@pytest.mark.chat(POLICY=POLICY)
async def test_the_policy_may_refuse_a_text(site: InSite) -> None:
    client = await site.client(await site.user())
    reply = await client.ask("send", text="a forbidden word", conversation=None)
    assert reply["code"] == "content_filtered"
    assert not await site.db(Conversation.objects.exists)


@pytest.mark.chat(POLICY=POLICY)
async def test_it_changes_every_message_of_a_call_whose_ever_it_is_said_to_be(site: InSite) -> None:
    person, _cookie = await site.person()
    roles = ("system", "developer", "user", "assistant", "tool")
    messages: list[dict[str, Any]] = [{"role": role, "content": SECRET} for role in roles]
    messages += [
        {"role": "assistant", "content": None, "reasoning": SECRET},
        {"role": "user", "content": "x"},
    ]
    await site.runner.intake.submit_stateless(Owner.of(person), person, Call(messages, "http"))
    (seen,) = await site.upstream.await_requests(1)
    assert "ada@example.com" not in str(seen.body)
    assert str(seen.body).count(SHOWN) == len(roles)


@pytest.mark.chat(POLICY=POLICY)
async def test_it_changes_the_system_prompt_of_a_new_conversation(site: InSite) -> None:
    client = await site.client(await site.user())
    accepted = await client.send("hello", system_prompt=SECRET)
    await client.ended(accepted["generation"])
    (seen,) = await site.upstream.await_requests(1)
    assert seen.body["messages"][0] == {"role": "system", "content": SHOWN}
    assert await site.db(tables_with, "ada@example.com") == set()
    reply = await client.ask("send", text="hello", conversation=None, system_prompt="a forbidden word")
    assert reply["code"] == "content_filtered"


@pytest.fixture
def settle(client: Client) -> Iterator[Callable[..., Any]]:
    """Calls an address of the API as a user with a conversation, whose texts the policy looks at."""
    user = get_user_model()._default_manager.create_user("eve")
    client.force_login(user)
    conversation = Conversation.objects.create(owner=user, title="t")
    answer = Message.objects.create(conversation=conversation, role="assistant", content="a", position=0)

    def call(name: str, body: dict[str, Any]) -> Any:
        arguments = {"api_conversation": [conversation.pk], "api_feedback": [answer.pk]}.get(name)
        address = reverse(f"llmchat:{name}", args=arguments)
        method = "PUT" if name == "api_feedback" else "PATCH"
        return client.generic(method, address, json.dumps(body), content_type="application/json")

    with override_settings(LLMCHAT={**settings.LLMCHAT, "POLICY": POLICY}):
        yield call


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "field", "body"),
    [
        ("api_conversation", "title", {}),
        ("api_conversation", "system_prompt", {}),
        ("api_preferences", "instructions", {}),
        ("api_feedback", "comment", {"rating": 1}),
    ],
)
def test_it_changes_what_is_stored_beside_messages(
    settle: Callable[..., Any], name: str, field: str, body: dict[str, Any]
) -> None:
    assert settle(name, {**body, field: SECRET}).status_code == 200
    assert tables_with("ada@example.com") == set()
    assert tables_with(SHOWN)
    refused = settle(name, {**body, field: "a forbidden word"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "content_filtered")
    assert tables_with("forbidden word") == set()


@pytest.mark.django_db
def test_what_becomes_longer_still_fits(settle: Callable[..., Any]) -> None:
    assert settle("api_conversation", {"title": f"{'x' * 193} a@b.co"}).status_code == 200
    assert settle("api_preferences", {"instructions": f"{'x' * 3993} a@b.co"}).json()["instructions"]
