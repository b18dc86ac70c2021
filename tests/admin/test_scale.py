from __future__ import annotations

import time

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chat.models import Conversation, Generation, Message, Role, Status

from .conftest import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

CONVERSATIONS, MESSAGES = 1_000, 20
#: Seconds. Ten times what it takes: one slip into work per row of the table is far beyond it.
PATIENCE = 1.0
WORDS = "the quick brown fox jumps over the lazy dog " * 8


@pytest.fixture
def _crowd(db: None) -> None:
    """20,000 messages, half of them answers with their runs, and a conversation of 10,000 more."""
    owners = User.objects.bulk_create(User(username=f"owner {number}") for number in range(50))
    conversations = Conversation.objects.bulk_create(
        Conversation(owner=owners[number % 50], title=f"title {number}", model="tiny")
        for number in range(CONVERSATIONS)
    )
    messages = Message.objects.bulk_create(
        Message(
            conversation=conversation,
            role=Role.ASSISTANT if position % 2 else Role.USER,
            content=f"{WORDS} {position}",
            position=position,
        )
        for conversation in conversations
        for position in range(MESSAGES)
    )
    Generation.objects.bulk_create(
        Generation(
            message=message,
            owner_id=message.conversation.owner_id,
            status=Status.COMPLETE,
            prompt_tokens=1,
            completion_tokens=1,
            cost="0.001",
        )
        for message in messages
        if message.role == Role.ASSISTANT
    )
    long = Conversation.objects.create(owner=owners[0], title="long")
    parent = None
    chain = [Message(conversation=long, role=Role.USER, content=WORDS, position=n) for n in range(10_000)]
    for message in chain:
        message.parent, parent = parent, message
    Message.objects.bulk_create(chain)
    if connection.vendor == "postgresql":
        # Autovacuum does this where rows are committed; left with the counts of empty tables, the
        # planner reads them from end to end for each row of another.
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


@pytest.mark.usefixtures("_crowd")
def test_no_page_grows_with_the_table() -> None:
    client = client_of("superuser")
    long = Conversation.objects.get(title="long")
    pages = [
        *("conversation/", "conversation/?p=20", "conversation/?status=complete", "conversation/?q=owner+7"),
        *("conversation/?q=lazy", "conversation/?q=absent", "conversation/?model=tiny"),
        *("generation/", "generation/?p=200", "generation/?status__exact=error", "generation/?q=owner+7"),
        *("generation/running/", "runner/", "contentaccess/"),
        *(f"conversation/{long.pk}/change/?message=5000", f"conversation/{long.pk}/delete/"),
    ]
    for page in pages:
        began = time.perf_counter()
        with CaptureQueriesContext(connection) as captured:
            response = client.get(f"/admin/llmchat/{page}")
        took = time.perf_counter() - began
        assert response.status_code == 200, page
        assert len(captured) <= 12, page
        assert len(response.content) < 400_000, page
        assert took < PATIENCE, f"{page} took {took:.2f} s"


@pytest.mark.usefixtures("_crowd")
def test_a_conversation_of_ten_thousand_messages_is_deleted() -> None:
    long = Conversation.objects.get(title="long")
    page = client_of("superuser").post(
        f"/admin/llmchat/conversation/{long.pk}/delete/", {"post": "yes"}, follow=True
    )
    assert "deleted successfully" in page.text
    assert Message.objects.count() == CONVERSATIONS * MESSAGES
