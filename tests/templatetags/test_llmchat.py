"""`{% llmchat %}` in a host's page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.template import Context, Template
from django.test import RequestFactory, override_settings
from django.utils import translation

from chat.labels import labels, settings_labels
from chat.templatetags.llmchat import FIRST_MODULES

STATIC = Path(__file__).resolve().parents[2] / "chat" / "static" / "llmchat"

pytestmark = pytest.mark.django_db


def embed(rf: RequestFactory, user: Any, tag: str = "{% llmchat %}", **context: Any) -> str:
    request = rf.get("/help/?topic=1")
    request.user = user
    return Template("{% load llmchat %}" + tag).render(Context({"request": request, **context}))


def config(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    read: dict[str, Any] = json.loads(found[1])
    return read


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", first_name="Ada")


def test_it_says_all_that_the_scripts_have_to_know(rf: RequestFactory, ada: User) -> None:
    read = config(embed(rf, ada))
    assert read["mount"] == "/"
    assert read["socket"] == "/ws/"
    assert read["conversations"] == "/api/conversations/"
    assert read["page"] == "/c/{id}/"
    assert read["user"] == {"id": str(ada.pk), "name": "Ada"}
    assert read["csrf"]["header"] == "X-Csrftoken"
    assert read["routed"] is False
    assert read["conversation"] is None


@override_settings(ROOT_URLCONF="tests.templatetags.prefixed_urls")
def test_it_follows_the_mount(rf: RequestFactory, ada: User) -> None:
    read = config(embed(rf, ada))
    assert (read["mount"], read["socket"]) == ("/help/chat/", "/help/chat/ws/")
    assert read["page"] == "/help/chat/c/{id}/"


def test_nothing_is_inline_but_data(rf: RequestFactory, ada: User) -> None:
    html = embed(rf, ada)
    scripts = re.findall(r"<script([^>]*)>", html)
    assert [tag for tag in scripts if "src=" not in tag] == [' type="application/json"']
    assert not re.search(r"\s(style|on\w+)=", html)
    assert "<style" not in html


def test_the_nonce_of_the_page_is_passed_on(rf: RequestFactory, ada: User) -> None:
    html = embed(rf, ada, csp_nonce="abc")
    assert re.search(r'<script type="module"[^>]* nonce="abc">', html)
    assert "nonce" not in embed(rf, ada)


def test_a_name_cannot_break_out(rf: RequestFactory) -> None:
    user = User.objects.create_user("eve", first_name="</script><script>alert(1)</script>")
    html = embed(rf, user)
    assert "<script>alert" not in html
    assert config(html)["user"]["name"] == "</script><script>alert(1)</script>"


def test_who_may_not_chat_sees_where_to_sign_in(rf: RequestFactory) -> None:
    html = embed(rf, AnonymousUser())
    assert "llmchat-app" not in html
    assert 'href="/accounts/login/?next=%2Fhelp%2F%3Ftopic%3D1"' in html


def test_the_words_are_translated_with_the_request(rf: RequestFactory, ada: User) -> None:
    with translation.override("de"):
        # Django's own catalogue knows this one.
        assert config(embed(rf, ada))["labels"]["delete"] == "Löschen"


@override_settings(LLMCHAT={"DEMO": True})
def test_a_demo_model_is_called_one(rf: RequestFactory, ada: User) -> None:
    assert "tiny demo model" in embed(rf, ada)


def test_a_real_model_is_not_called_a_demo(rf: RequestFactory, ada: User) -> None:
    with override_settings(LLMCHAT={"DEMO": False}):
        assert "tiny demo model" not in embed(rf, ada)


def test_every_word_the_scripts_use_is_there_and_no_other() -> None:
    settings_page = STATIC / "settings.js"
    used = set(re.findall(r'\bt\(\s*"([\w-]+)"', settings_page.read_text()))
    assert used == set(settings_labels())
    code = "".join(path.read_text() for path in STATIC.glob("*.js") if path != settings_page)
    known = set(labels())
    assert set(re.findall(r'\bt\(\s*"([\w-]+)"', code)) <= known
    computed = ("can_", "effort_", "error_", "hint_", "reason_", "state_", "stopped_", "theme_")
    mentioned = set(re.findall(r'"([\w-]+)"', code))
    assert {name for name in known - mentioned if not name.startswith(computed)} == set()


def test_what_is_loaded_first_is_what_is_imported() -> None:
    found: set[str] = set()
    waiting = ["app"]
    while waiting:
        code = (STATIC / f"{waiting.pop()}.js").read_text()
        new = set(re.findall(r'^import .*?"\./(\w+)\.js";', code, re.MULTILINE)) - found
        found |= new
        waiting += new
    assert sorted(found) == list(FIRST_MODULES)
