"""`api/search/`: who may ask, what comes, and how much it costs."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from chat import search
from chat.models import Conversation, Message

pytestmark = pytest.mark.django_db(transaction=True)


def fill(owner: Any, count: int) -> None:
    for n in range(count):
        conversation = Conversation.objects.create(owner=owner, title=f"needle {n}")
        Message.objects.create(
            conversation=conversation, role="user", content=f"a <b>needle</b> {n}", position=0
        )
        search.take(conversation)


def test_a_hit_says_where_it_is_and_what_to_mark(browser: Client, ada: Any) -> None:
    fill(ada, 1)
    answer = browser.get(reverse("llmchat:api_search"), {"q": "needle"}).json()
    (hit,) = answer["results"]
    assert answer["next"] is None
    assert hit["title"] == [["needle", True], [" 0", False]]
    conversation = Conversation.objects.get()
    answer = browser.get(reverse("llmchat:api_search"), {"q": "<b>"}).json()
    (hit,) = answer["results"]
    assert hit["message"] == str(conversation.messages.get().pk)
    assert "".join(text for text, _ in hit["snippet"]) == "a <b>needle</b> 0"


def test_pages_follow(browser: Client, ada: Any) -> None:
    fill(ada, 30)
    seen = set()
    address: str | None = reverse("llmchat:api_search") + "?q=needle"
    while address:
        answer = browser.get(address).json()
        seen |= {hit["conversation"] for hit in answer["results"]}
        address = answer["next"]
    assert len(seen) == 30


def test_a_search_costs_the_same_for_one_and_for_twenty(
    browser: Client, ada: Any, django_assert_max_num_queries: Any
) -> None:
    fill(ada, 25)
    with django_assert_max_num_queries(11):
        browser.get(reverse("llmchat:api_search"), {"q": "needle"})


@pytest.mark.parametrize("query", [{"q": "x" * 201}, {"q": "a\0b"}, {"q": "a", "before": "x"}])
def test_nonsense_is_refused(browser: Client, query: dict[str, str]) -> None:
    answer = browser.get(reverse("llmchat:api_search"), query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_frame")


def test_nobody_searches_without_a_session() -> None:
    assert Client().get(reverse("llmchat:api_search"), {"q": "a"}).status_code == 401
