"""What models there are for whom, under which names, and whom to ask for them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.test import Client, override_settings

from chat import offering
from chat.engine.choosing import choose
from chat.exceptions import Refused
from chat.models import ChatModel, Conversation
from chat.policy import ChatPolicy
from chat.upstream.errors import UpstreamError
from chat.upstream.health import Health

pytestmark = pytest.mark.django_db

PROVIDERS: dict[str, Any] = {
    "first": {"BASE_URL": "http://127.0.0.1:9/v1", "MODELS": ["small", "large"], "CONTEXT_TOKENS": 4000},
    "second": {"BASE_URL": "http://127.0.0.1:8/v1", "MODELS": ["small", "tiny"], "LABEL": "The second"},
    "any": {"BASE_URL": "http://127.0.0.1:7/v1"},
}


@pytest.fixture(autouse=True)
def _providers() -> Any:
    with override_settings(LLMCHAT={"PROVIDERS": PROVIDERS, "MODEL": "small"}):
        yield


def user(name: str = "ada") -> Any:
    return get_user_model()._default_manager.get_or_create(username=name)[0]


def asked(name: str, who: Any = None) -> list[tuple[str, str]]:
    policy = ChatPolicy()
    who = who or user()
    targets = policy.get_targets(who, policy.get_model(who, name))
    return [(target.provider, target.model) for target in targets]


def row(provider: str, name: str, **fields: Any) -> ChatModel:
    made: ChatModel = ChatModel.objects.create(provider=provider, name=name, **fields)
    return made


def test_without_rows_the_settings_decide() -> None:
    assert ChatPolicy().get_models(user()) == ["small", "large", "second/small", "tiny"]
    assert ChatPolicy().get_model(user()) == "small"


@pytest.mark.parametrize(
    ("name", "whom"),
    [
        ("small", ("first", "small")),
        ("first/small", ("first", "small")),
        ("second/small", ("second", "small")),
        ("tiny", ("second", "tiny")),
        ("second/tiny", ("second", "tiny")),
    ],
)
def test_a_model_is_found_under_each_of_its_names(name: str, whom: tuple[str, str]) -> None:
    assert asked(name) == [whom]


@pytest.mark.parametrize("name", ["first/tiny", "nothing", "any/whatever", "/", "first/"])
def test_what_is_not_offered_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="model_unavailable"):
        asked(name)


def test_with_nothing_listed_any_name_is_passed_on() -> None:
    with override_settings(LLMCHAT={"PROVIDERS": {"any": {}, "other": {}}}):
        assert asked("vendor/model") == [("any", "vendor/model")]
        assert asked("other/vendor/model") == [("other", "vendor/model")]


def test_rows_decide_alone_once_there_are_enabled_ones() -> None:
    row("second", "tiny", enabled=False)
    assert ChatPolicy().get_models(user())[0] == "small"
    row("any", "brand-new", order=2)
    row("second", "tiny2", order=1)
    assert ChatPolicy().get_models(user()) == ["second/tiny2", "any/brand-new"]
    assert asked("brand-new") == [("any", "brand-new")]
    with pytest.raises(Refused):
        asked("large")


def test_a_default_of_the_settings_comes_first_among_the_rows() -> None:
    row("any", "brand-new", order=1)
    row("first", "small", order=2)
    assert ChatPolicy().get_models(user()) == ["first/small", "any/brand-new"]


def test_a_row_of_a_provider_that_is_gone_is_not_offered() -> None:
    row("gone", "model")
    row("any", "model")
    assert ChatPolicy().get_models(user()) == ["any/model"]


def test_only_its_groups_may_use_a_model() -> None:
    group = Group.objects.create(name="staff")
    row("any", "dear").groups.add(group)
    member = user("grace")
    member.groups.add(group)
    assert asked("any/dear", member) == [("any", "dear")]
    # Nothing is left for the others, which does not mean everything.
    for name in ("any/dear", "dear", "first/small", "auto-best", ""):
        with pytest.raises(Refused):
            asked(name, user("ada"))


def test_a_fallback_does_not_lead_around_the_groups() -> None:
    row("any", "dear").groups.add(Group.objects.create(name="staff"))
    row("first", "small", fallbacks=["any/dear", "second/tiny"])
    row("second", "tiny")
    assert asked("first/small") == [("first", "small"), ("second", "tiny")]


def test_fallbacks_of_the_settings_name_a_provider_or_a_model() -> None:
    first = {**PROVIDERS["first"], "FALLBACKS": ["second", "any", "second/tiny"]}
    with override_settings(LLMCHAT={"PROVIDERS": {**PROVIDERS, "first": first}}):
        assert asked("small") == [
            ("first", "small"),
            ("second", "small"),
            ("any", "small"),
            ("second", "tiny"),
        ]
        assert asked("large") == [("first", "large"), ("any", "large"), ("second", "tiny")]


def test_an_alias_of_ones_own_asks_the_first_healthy_one() -> None:
    chat = {"PROVIDERS": PROVIDERS, "ALIASES": {"house": ["large", "second/tiny"]}}
    health = Health(failures=1)
    with override_settings(LLMCHAT=chat):
        choice = choose(user(), health, "house")
        assert (choice.name, choice.first.name) == ("house", "large")
        health.failed(choice.first, UpstreamError("upstream_unreachable"))
        assert choose(user(), health, "house").first.name == "tiny"


def test_auto_cheap_takes_the_lowest_price_and_unknown_prices_last() -> None:
    row("any", "unknown", order=1)
    row("any", "dear", order=2, prompt_price=Decimal(2), completion_price=Decimal(8))
    row("any", "cheap", order=3, prompt_price=Decimal("0.1"), completion_price=Decimal("0.4"))
    names = [target.model for target in choose(user(), Health(), "auto-cheap").targets]
    assert names == ["cheap", "dear", "unknown"]


def test_auto_fast_takes_what_has_answered_soonest_and_measures_the_unmeasured() -> None:
    health = Health()
    for target in choose(user(), health, "auto-best").targets:
        if target.model != "tiny":
            health.answered(target, {"large": 0.2, "small": 0.9}[target.model])
    assert [target.name for target in choose(user(), health, "auto-fast").targets][:2] == ["tiny", "large"]


def test_a_conversation_stays_with_its_model_while_that_is_healthy() -> None:
    conversation = Conversation.objects.create(owner=user(), model="auto-best")
    conversation.messages.create(role="assistant", position=1, model="tiny")
    health = Health(failures=1)
    choice = choose(user(), health, "", conversation)
    assert (choice.name, choice.first.name) == ("auto-best", "tiny")
    health.failed(choice.first, UpstreamError("upstream_unreachable"))
    assert choose(user(), health, "", conversation).first.name == "small"


def test_a_policy_that_hides_a_model_hides_it_under_all_its_names() -> None:
    class Policy(ChatPolicy):
        def get_models(self, user: Any) -> list[str]:
            return [name for name in super().get_models(user) if name != "large"]

    for name in ("large", "first/large"):
        with pytest.raises(Refused):
            Policy().get_model(user(), name)
    assert "large" not in Policy().get_aliases(user())["auto-best"]


def test_inside_one_look_the_catalogue_is_read_once(django_assert_num_queries: Any) -> None:
    row("any", "model")
    who = user()
    with django_assert_num_queries(2), offering.one_look():
        choose(who, Health(), "auto-best")
        choose(who, Health(), "any/model")


@pytest.mark.parametrize(
    "fields",
    [{"provider": "nobody"}, {"prompt_price": Decimal(1)}, {"fallbacks": "x"}, {"prompt_price": Decimal(-1)}],
)
def test_a_row_that_cannot_work_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ChatModel(**{"provider": "any", "name": "model"} | fields).full_clean()


def listed(client: Client) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = client.get("/api/models/").json()["results"]
    return results


def test_the_list_tells_all_that_a_picker_shows(client: Client) -> None:
    client.force_login(user())
    row(
        "second",
        "tiny",
        label="Tiny",
        description="Small but quick",
        order=1,
        capabilities={"tools": True},
        context_tokens=8000,
        prompt_price=Decimal("0.25"),
        completion_price=Decimal(2),
    )
    row("any", "other", order=2, listed=False)
    first, second, *aliases = listed(client)
    assert first == {
        "name": "second/tiny",
        "label": "Tiny",
        "provider": "The second",
        "description": "Small but quick",
        "capabilities": {"tools": True},
        "context_tokens": 8000,
        "price": {"prompt": "0.25", "completion": "2"},
        "default": True,
        "available": True,
    }
    assert (second["label"], second["available"], second["price"]) == ("other", False, None)
    assert [alias["name"] for alias in aliases] == ["auto-best", "auto-fast", "auto-cheap"]
    assert all(alias["available"] and not alias["default"] for alias in aliases)


def test_with_one_model_there_is_nothing_to_choose(client: Client) -> None:
    client.force_login(user())
    with override_settings(LLMCHAT={"PROVIDERS": {"any": {}}, "MODEL": "scripted"}):
        assert [(model["name"], model["default"]) for model in listed(client)] == [("scripted", True)]


def test_the_list_is_for_those_who_may_chat(client: Client) -> None:
    assert client.get("/api/models/").status_code == 401
