"""The catalogue in the admin: what is entered, what is asked of the providers, who may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.urls import reverse

from chat.models import ChatModel
from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/llmchat/chatmodel/"
KEY = "sk-canary-key-0123456789"


@pytest.fixture(autouse=True)
def _provider(upstream: ScriptedUpstream) -> Iterator[None]:
    upstream.models = ("small", "large", "scripted")
    provider = {
        "BASE_URL": upstream.base_url,
        "API_KEY": KEY,
        "CAPABILITIES": ["tools"],
        "CONTEXT_TOKENS": 4096,
    }
    nobody = {"BASE_URL": "http://127.0.0.1:9/v1", "API_KEY": KEY}
    chat = {"PROVIDERS": {"first": provider, "nobody": nobody}, "MODEL": "small"}
    with override_settings(LLMCHAT=chat):
        yield


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(get_user_model()._default_manager.create_superuser("boss"))
    return client


def words(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def test_what_a_provider_lists_becomes_rows_and_what_was_written_there_stays() -> None:
    ChatModel.objects.create(provider="first", name="large", label="The large one", context_tokens=7)
    ChatModel.objects.create(provider="first", name="old")
    call_command("llmchat_sync_models", "first", verbosity=0)
    rows = {row.name: row for row in ChatModel.objects.all()}
    assert set(rows) == {"small", "large", "scripted", "old"}
    assert (rows["large"].label, rows["large"].context_tokens) == ("The large one", 7)
    assert (rows["small"].context_tokens, rows["small"].capabilities) == (4096, {"tools": True})
    assert {name for name, row in rows.items() if not row.listed} == {"old"}
    # Only what the settings name is offered by itself.
    assert (rows["small"].enabled, rows["scripted"].enabled) == (True, False)


def test_all_can_be_offered_at_once() -> None:
    call_command("llmchat_sync_models", "first", "--enable", verbosity=0)
    assert ChatModel.objects.filter(enabled=True).count() == 3


def test_a_provider_that_is_not_there_fails_the_command_and_not_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(CommandError, match="nobody"):
        call_command("llmchat_sync_models")
    told = capsys.readouterr()
    assert "first: 3 listed, 3 new, 0 gone" in told.out
    assert "Nobody can be reached there" in told.err
    assert KEY not in told.out + told.err
    with pytest.raises(CommandError, match="unknown"):
        call_command("llmchat_sync_models", "unknown")


def test_the_button_does_the_same_and_says_what_came_of_it(boss: Client) -> None:
    told = words(boss.post(reverse("admin:llmchat_chatmodel_sync"), follow=True))
    assert told[0] == "first: 3 listed, 3 new, 0 gone."
    assert told[1].startswith("nobody: Nobody can be reached there.")


def test_the_connections_get_a_verdict(boss: Client) -> None:
    told = words(boss.post(reverse("admin:llmchat_chatmodel_test"), follow=True))
    assert told[0] == "first: It answers, and takes the key. It lists 3 models."
    assert told[1].startswith("nobody: Nobody can be reached there.")
    assert KEY not in str(told)


VERDICTS = [
    (Script(status=401, body=f"bad {KEY}"), "It refuses the key. Look at API_KEY or API_KEY_ENV. (HTTP 401)"),
    (Script(status=404, body="no"), "It does not know this address or model. Does BASE_URL end with /v1?"),
    (Script(status=429, body="no"), "It takes no more requests for now"),
    (Script(status=500, body=KEY), "It reports an error."),
    (Script(body="<html>", content_type="text/html"), "Somebody answers, but does not speak OpenAI's API."),
    (Script(count=3), "It answers; the first word came after"),
]


@pytest.mark.parametrize(("script", "verdict"), VERDICTS)
def test_a_model_is_asked_for_a_short_answer(
    boss: Client, upstream: ScriptedUpstream, script: Script, verdict: str
) -> None:
    row = ChatModel.objects.create(provider="first", name="small")
    upstream.default = script
    response = boss.post(LIST, {"action": "test_models", "_selected_action": [row.pk]}, follow=True)
    (told,) = words(response)
    assert told.startswith(f"first/small: {verdict}")
    assert KEY not in response.content.decode()
    assert upstream.seen[0].body["model"] == "small"


def test_a_row_is_written_in_a_form(boss: Client) -> None:
    fields = {
        "provider": "first",
        "name": "large",
        "label": "Large",
        "order": 3,
        "enabled": "on",
        "capabilities": ["tools", "vision"],
        "context_tokens": 8000,
        "prompt_price": "0.25",
        "completion_price": "2",
        "fallbacks": "first/small\n\n nobody/large ",
    }
    response = boss.post(f"{LIST}add/", fields, follow=True)
    assert response.redirect_chain, response.context["errors"]
    row = ChatModel.objects.get()
    assert row.capabilities == {"tools": True, "vision": True}
    assert row.fallbacks == ["first/small", "nobody/large"]
    page = boss.get(f"{LIST}{row.pk}/change/").content.decode()
    assert "first/small\nnobody/large" in page
    assert "0.25 + 2" in boss.get(LIST).content.decode()


def test_impossible_rows_are_refused_with_a_sentence(boss: Client) -> None:
    fields = {"provider": "stranger", "name": "x", "order": 1, "context_tokens": 0, "prompt_price": "-1"}
    response = boss.post(f"{LIST}add/", fields)
    assert response.status_code == 200
    errors = response.context["adminform"].form.errors
    assert {"provider", "prompt_price"} <= set(errors)
    assert not ChatModel.objects.exists()


def test_an_empty_catalogue_has_a_list_and_what_is_to_be_done(boss: Client) -> None:
    page = boss.get(LIST).content.decode()
    assert "Ask the providers for their models" in page


@pytest.mark.parametrize("name", ["sync", "test"])
def test_looking_at_the_address_of_a_button_presses_nothing(boss: Client, name: str) -> None:
    response = boss.get(reverse(f"admin:llmchat_chatmodel_{name}"), follow=True)
    assert response.redirect_chain == [(LIST, 302)]
    assert words(response) == []


@pytest.mark.parametrize("name", ["sync", "test"])
def test_the_buttons_are_for_those_who_may(client: Client, upstream: ScriptedUpstream, name: str) -> None:
    viewer = get_user_model()._default_manager.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_chatmodel"))
    client.force_login(viewer)
    assert client.get(LIST).status_code == 200
    assert client.post(reverse(f"admin:llmchat_chatmodel_{name}")).status_code == 403
    assert client.get(reverse(f"admin:llmchat_chatmodel_{name}")).status_code == 403
    assert not ChatModel.objects.exists()
