from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse

from chat.models import ContentAccess, Conversation, Message, Role, Status

from .conftest import begin, client_of, converse, run, say

pytestmark = pytest.mark.django_db


def address_of(conversation: Conversation) -> str:
    return reverse("admin:llmchat_conversation_change", args=(conversation.pk,))


def shown(client: Client, conversation: Conversation, **query: str) -> list[str]:
    """The positions of the messages on the page, from the top."""
    page = client.get(address_of(conversation), query).text
    return re.findall(r'<li class="lc-message[^>]* id="m-([^"]+)"', page)


def keys(*messages: Message) -> list[str]:
    return [str(message.position) for message in messages]


@pytest.fixture
def forked(owner: User) -> dict[str, Message]:
    """A question with two answers; below the first one a question in two versions, the older answered."""
    conversation = converse(owner, title="Rainbows")
    ask = say(conversation, None, Role.USER, "ask")
    first = say(conversation, ask, Role.ASSISTANT, "first")
    more = say(conversation, first, Role.USER, "more")
    deep = say(conversation, more, Role.ASSISTANT, "deep")
    other = say(conversation, first, Role.USER, "other")
    second = say(conversation, ask, Role.ASSISTANT, "second")
    return {"ask": ask, "first": first, "more": more, "deep": deep, "other": other, "second": second}


def test_it_shows_the_branch_last_written(reader: Client, forked: dict[str, Message]) -> None:
    conversation = forked["ask"].conversation
    assert shown(reader, conversation) == keys(forked["ask"], forked["second"])


def test_a_message_in_the_address_chooses_its_branch(reader: Client, forked: dict[str, Message]) -> None:
    conversation = forked["ask"].conversation
    by = {
        name: shown(reader, conversation, message=str(message.position)) for name, message in forked.items()
    }
    assert by["first"] == keys(forked["ask"], forked["first"], forked["other"])
    assert by["more"] == keys(forked["ask"], forked["first"], forked["more"], forked["deep"])
    assert by["ask"] == by["second"] == keys(forked["ask"], forked["second"])


def test_versions_lead_to_each_other(reader: Client, forked: dict[str, Message]) -> None:
    page = reader.get(address_of(forked["ask"].conversation)).text
    assert "2/2" in page
    assert "in 3 branches" in page
    assert 'href="?message=1#m-1" rel="prev"' in page
    assert 'rel="next"' not in page


@pytest.mark.parametrize(
    "query", [{"message": "x"}, {"message": "0" * 32}, {"p": "x"}, {"p": "-3"}, {"p": "9"}]
)
def test_strange_addresses_show_the_whole(
    reader: Client, forked: dict[str, Message], query: dict[str, str]
) -> None:
    conversation = forked["ask"].conversation
    assert shown(reader, conversation, **query) == keys(forked["ask"], forked["second"])


def test_a_conversation_that_is_not_there_is_said_to_be_gone(reader: Client) -> None:
    for key in ("nonsense", "00000000-0000-0000-0000-000000000000"):
        page = reader.get(reverse("admin:llmchat_conversation_change", args=(key,)), follow=True)
        assert "Perhaps it was deleted?" in page.text
    assert not ContentAccess.objects.exists()


def test_an_empty_conversation_says_so(reader: Client, owner: User) -> None:
    assert "Nothing has been said yet." in reader.get(address_of(converse(owner))).text


def test_long_branches_are_cut_into_pages_and_a_message_opens_on_its_own(reader: Client, owner: User) -> None:
    conversation = converse(owner, title="long")
    messages: list[Message] = []
    for number in range(120):
        parent = messages[-1] if messages else None
        messages.append(say(conversation, parent, Role.USER, f"text {number}"))
    assert shown(reader, conversation) == keys(*messages[:50])
    assert shown(reader, conversation, p="3") == keys(*messages[100:])
    assert shown(reader, conversation, message=str(messages[60].position)) == keys(*messages[50:100])
    assert "50 of 120" in reader.get(address_of(conversation)).text


def test_an_answer_is_rendered_and_a_question_is_shown_as_typed(reader: Client, owner: User) -> None:
    conversation = converse(owner, ("**not bold** <b>", "**bold** <script>alert(1)</script>"))
    page = reader.get(address_of(conversation)).text
    assert "**not bold** &lt;b&gt;" in page
    assert "<strong>bold</strong> &lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_reasoning_and_steps_are_folded(reader: Client, owner: User) -> None:
    conversation = converse(owner, ("one", "two"))
    steps = [{"type": "event", "n": 4, "kind": "tool_call", "arguments": {"a": "<i>"}}, "odd", {}]
    conversation.messages.filter(role=Role.ASSISTANT).update(reasoning="I *think*", steps=steps)
    page = reader.get(address_of(conversation)).text
    assert page.count('<details class="lc-reasoning">') == 2
    assert "I <em>think</em>" in page
    assert "tool_call" in page
    assert "&lt;i&gt;" in page
    assert "3 steps" in page


def test_each_run_tells_status_times_tokens_cost_and_error(reader: Client, owner: User) -> None:
    conversation = converse(owner, title="Rainbows")
    answer = say(conversation, None, Role.ASSISTANT, "half of it")
    run(
        answer,
        Status.INTERRUPTED,
        reason="crashed",
        timings={"first_token": 412, "total": 5230},
        prompt_tokens=12,
        completion_tokens=34,
        cost="0.0042",
    )
    run(answer, Status.ERROR, error_code="upstream_unreachable", reference="9f3ab2c1")
    page = reader.get(address_of(conversation)).text
    for fact in ("interrupted", "first token 0.4 s", "in all 5.2 s", "12 + 34 tokens", "cost 0.0042"):
        assert fact in page
    assert "because: crashed" in page
    assert "The model&#x27;s provider cannot be reached right now." in page
    assert "upstream_unreachable" in page
    assert "9f3ab2c1" in page


def test_an_answer_being_written_shows_what_the_journal_has(reader: Client, owner: User) -> None:
    conversation = converse(owner, ("one", "two"))
    begin(conversation, "It is **", "bold**, and")
    page = reader.get(address_of(conversation)).text
    assert "It is <strong>bold</strong>, and" in page
    assert "Being written…" in page


def test_masked_it_still_tells_what_happened(lister: Client, owner: User) -> None:
    conversation = converse(owner, ("one", "two"), title="Rainbows")
    run(say(conversation, None, Role.ASSISTANT, "three"), Status.ERROR, error_code="upstream_timeout")
    page = lister.get(address_of(conversation)).text
    assert "Rainbows" not in page
    assert "three" not in page
    assert "Hidden text" in page
    assert "upstream_timeout" in page
    assert "but not what was said" in page


def test_answers_that_take_long_to_render_are_shown_as_text(reader: Client, owner: User) -> None:
    turns = [("ask", f"**answer {number}** " + "word " * 9_000) for number in range(8)]
    page = reader.get(address_of(converse(owner, *turns))).text
    assert "<strong>answer 0</strong>" in page
    assert "**answer 7**" in page


def test_newer_and_older_lead_through_the_list(reader: Client, owner: User) -> None:
    conversations = [converse(owner, title=str(number)) for number in range(3)]
    newest, middle, oldest = Conversation.objects.all()
    assert {newest, middle, oldest} == set(conversations)
    page = reader.get(address_of(middle)).text
    assert f'href="{address_of(newest)}" rel="prev"' in page
    assert f'href="{address_of(oldest)}" rel="next"' in page
    assert 'rel="prev"' not in reader.get(address_of(newest)).text
    assert 'rel="next"' not in reader.get(address_of(oldest)).text


def test_each_reading_is_recorded(reader: Client, owner: User) -> None:
    conversation = converse(owner, ("one", "two"))
    for count in (1, 2):
        reader.get(address_of(conversation), REMOTE_ADDR="2001:db8::1%eth0")
        assert ContentAccess.objects.count() == count
    access = ContentAccess.objects.first()
    assert access is not None
    assert access.reader == User.objects.get(username="reader")
    assert (access.reader_name, access.owner_name) == ("reader", "grace")
    assert (access.conversation_id, access.action) == (conversation.pk, "read")
    assert access.address == "2001:db8::1"


def test_superusers_are_recorded_as_well(owner: User) -> None:
    client_of("superuser").get(address_of(converse(owner, ("one", "two"))), REMOTE_ADDR="unix:")
    access = ContentAccess.objects.get()
    assert (access.reader_name, access.address) == ("superuser", None)


def test_a_masked_page_is_no_reading(lister: Client, owner: User) -> None:
    lister.get(address_of(converse(owner, ("one", "two"))))
    assert not ContentAccess.objects.exists()


def test_what_cannot_be_recorded_is_not_shown(
    reader: Client, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**values: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(ContentAccess.objects, "create", fail)
    reader.raise_request_exception = False
    conversation = converse(owner, ("one", "two words"))
    response = reader.get(address_of(conversation))
    assert response.status_code == 500
    assert "two words" not in response.text
