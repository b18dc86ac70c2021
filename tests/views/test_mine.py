"""What the chat has of somebody: seen, taken along, and deleted, by that somebody alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import AsyncClient, Client, override_settings
from django.urls import reverse

from chat.models import Conversation, Message, UsageRecord

pytestmark = pytest.mark.django_db(transaction=True)


def talk(owner: Any, title: str, *texts: str) -> Conversation:
    conversation = Conversation.objects.create(owner=owner, title=title)
    for position, text in enumerate(texts):
        role = "assistant" if position % 2 else "user"
        Message.objects.create(conversation=conversation, role=role, content=text, position=position)
    return conversation


def test_the_page_needs_no_template_of_the_site_and_shows_what_is_set(browser: Client, ada: Any) -> None:
    browser.patch(
        reverse("llmchat:api_preferences"),
        json.dumps({"theme": "dark", "instructions": "<b>Be brief.</b>"}),
        content_type="application/json",
    )
    page = browser.get(reverse("llmchat:settings"))
    assert page.status_code == 200
    assert "llmchat/settings.html" in [template.name for template in page.templates]
    assert 'data-theme="dark"' in page.text
    assert "&lt;b&gt;Be brief.&lt;/b&gt;" in page.text
    assert "Delete account" in page.text


def test_nobody_sees_the_page_without_a_session() -> None:
    answer = Client().get(reverse("llmchat:settings"))
    assert (answer.status_code, "next=" in answer["Location"]) == (302, True)


@pytest.mark.parametrize("name", ["api_usage", "api_export", "api_account"])
def test_without_a_session_everything_is_401(name: str) -> None:
    method = "delete" if name == "api_account" else "get"
    assert getattr(Client(), method)(reverse(f"llmchat:{name}")).status_code == 401


def test_usage_is_summed_by_model_and_nobody_else_s(browser: Client, ada: Any) -> None:
    eve = get_user_model()._default_manager.create_user("eve")
    for owner, model, tokens in ((ada, "a", 10), (ada, "a", 20), (ada, "b", 1), (eve, "a", 500)):
        UsageRecord.objects.create(
            generation_id=1,
            owner=owner,
            door="web",
            provider="p",
            model=model,
            attempt=1,
            status="complete",
            prompt_tokens=tokens,
            completion_tokens=tokens,
            cost="0.5" if model == "a" else None,
        )
    answer = browser.get(reverse("llmchat:api_usage")).json()
    told = [(row["model"], row["requests"], row["prompt_tokens"]) for row in answer["results"]]
    assert told == [("a", 2, 30), ("b", 1, 1)]
    assert [row["cost"] and float(row["cost"]) for row in answer["results"]] == [1.0, None]


async def exported(ada: Any, query: str = "") -> str:
    client = AsyncClient()
    await client.aforce_login(ada)
    answer: Any = await client.get(reverse("llmchat:api_export") + query)
    assert answer.status_code == 200
    assert "attachment" in answer["Content-Disposition"]
    return b"".join([part async for part in answer.streaming_content]).decode()


@pytest.mark.parametrize("long", [False, True])
async def test_everything_of_mine_is_in_the_export_and_nothing_else(long: bool) -> None:
    manager = get_user_model()._default_manager
    ada = await manager.acreate(username="ada")
    eve = await manager.acreate(username="eve")
    from asgiref.sync import sync_to_async

    text = "é😀 " * (50_000 if long else 1)
    await sync_to_async(talk)(ada, "Bread", "How?", text)
    await sync_to_async(talk)(eve, "Secret", "hidden")
    whole = json.loads(await exported(ada))
    said = sorted(whole["messages"], key=lambda row: row["position"])
    assert [row["content"] for row in said] == ["How?", text]
    assert [row["title"] for row in whole["conversations"]] == ["Bread"]
    readable = await exported(ada, "?format=markdown")
    assert readable.startswith("# Bread\n")
    assert f"## You\n\nHow?\n\n## Assistant\n\n{text}" in readable
    assert "hidden" not in readable


def forget(browser: Client, name: str) -> Any:
    body = json.dumps({"name": name})
    return browser.delete(reverse("llmchat:api_account"), body, content_type="application/json")


def test_an_account_is_deleted_only_by_its_name_and_with_all_that_is_its(browser: Client, ada: Any) -> None:
    eve = get_user_model()._default_manager.create_user("eve")
    kept = talk(eve, "kept")
    talk(ada, "gone", "text")
    assert forget(browser, "adah").status_code == 409
    assert forget(browser, "ada").status_code == 204
    assert list(Conversation.objects.all()) == [kept]
    assert not get_user_model()._default_manager.filter(username="ada").exists()
    assert browser.get(reverse("llmchat:api_usage")).status_code == 401


def test_the_site_decides_whether_accounts_may_be_deleted(browser: Client, ada: Any) -> None:
    with override_settings(LLMCHAT={}):
        assert forget(browser, "ada").status_code == 403
        assert "Delete account" not in browser.get(reverse("llmchat:settings")).text
