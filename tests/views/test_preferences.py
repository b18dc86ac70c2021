"""`api/preferences/`: kept per owner, checked, and heeded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from chat.models import Conversation, Owner, Preference
from chat.policy import get_policy

pytestmark = pytest.mark.django_db(transaction=True)


def change(browser: Client, body: Any) -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    return browser.patch(reverse("llmchat:api_preferences"), text, content_type="application/json")


def test_what_is_changed_is_kept_and_the_rest_stays(browser: Client, ada: Any) -> None:
    assert browser.get(reverse("llmchat:api_preferences")).json() == {
        "theme": "system",
        "language": "",
        "enter_key": "enter",
        "default_model": "",
        "instructions": "",
    }
    assert change(browser, {"theme": "dark", "instructions": "Be brief."}).status_code == 200
    assert change(browser, {"theme": "light"}).json()["instructions"] == "Be brief."
    assert Preference.objects.of(Owner.of(ada)).theme == "light"
    # Back to the default is a change as well.
    assert change(browser, {"theme": "system"}).json()["theme"] == "system"
    assert browser.get(reverse("llmchat:api_preferences")).json()["theme"] == "system"


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        {"theme": "pink"},
        {"language": "xx"},
        {"instructions": "x" * 4_001},
        {"instructions": "a\0"},
        {"other": 1},
    ],
)
def test_nonsense_is_refused(browser: Client, body: Any) -> None:
    assert change(browser, body).status_code == 400
    assert not Preference.objects.exists()


def test_a_choice_that_is_no_longer_offered_harms_nobody(browser: Client, ada: Any) -> None:
    Preference.objects.create(owner=ada, values={"theme": "pink", "enter_key": "ctrl", "gone": 1})
    kept = browser.get(reverse("llmchat:api_preferences")).json()
    assert (kept["theme"], kept["enter_key"]) == ("system", "ctrl")


def test_changes_need_a_csrf_token_and_everything_a_session(ada: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    assert browser.get(reverse("llmchat:api_preferences")).status_code == 401
    browser.force_login(ada)
    assert change(browser, {"theme": "dark"}).status_code == 403


def test_a_language_holds_for_the_whole_site(browser: Client) -> None:
    answer = change(browser, {"language": "ar"})
    assert answer.cookies["django_language"].value == "ar"
    assert change(browser, {"language": ""}).cookies["django_language"].value == ""


def test_the_chosen_model_answers_new_conversations_while_it_is_offered(ada: Any) -> None:
    Preference.objects.create(owner=ada, values={"default_model": "second"})
    offered = {"p": {"BASE_URL": "http://127.0.0.1:1/v1", "MODELS": ["first", "second"]}}
    with override_settings(LLMCHAT={"PROVIDERS": offered}):
        second = get_policy().get_model(ada)
        assert second.endswith("second")
        assert get_policy().get_model(ada, "first").endswith("first")
        assert get_policy().get_model(None).endswith("first")
        # One that is under way stays with its own.
        assert get_policy().get_model(ada, "", Conversation(owner=ada, model="first")).endswith("first")
    offered = {"p": {"BASE_URL": "http://127.0.0.1:1/v1", "MODELS": ["first"]}}
    with override_settings(LLMCHAT={"PROVIDERS": offered}):
        assert get_policy().get_model(ada).endswith("first")


def test_own_instructions_are_told_between_the_site_s_words_and_the_conversation_s(ada: Any) -> None:
    Preference.objects.create(owner=ada, values={"instructions": "Theirs."})
    conversation = Conversation(owner=ada, system_prompt="Its own.")
    with override_settings(LLMCHAT={"SYSTEM_PROMPT": "The site's."}):
        assert get_policy().get_system_prompt(ada, conversation) == "The site's.\n\nTheirs.\n\nIts own."
        guest = Conversation(session_key="guest")
        assert get_policy().get_system_prompt(None, guest) == "The site's."
