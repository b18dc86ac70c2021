"""The chat's own pages."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from chat.models import Conversation
from chat.policy import ChatPolicy

pytestmark = pytest.mark.django_db


class Nobody(ChatPolicy):
    def may_chat(self, user: object) -> bool:
        return False


@pytest.fixture
def ada(client: Client) -> User:
    user = User.objects.create_user("ada")
    client.force_login(user)
    return user


@pytest.mark.parametrize("path", ["/", f"/c/{UUID(int=7)}/"])
def test_strangers_are_asked_to_sign_in_and_come_back(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/accounts/login/?next={path}"


@override_settings(LLMCHAT={"POLICY": f"{__name__}.Nobody"})
def test_who_may_not_chat_is_told_so_and_not_sent_in_a_circle(client: Client, ada: User) -> None:
    assert client.get("/").status_code == 403


def test_a_conversation_of_one_s_own_is_opened(client: Client, ada: User) -> None:
    mine = Conversation.objects.create(owner=ada)
    answer = client.get(f"/c/{mine.pk}/")
    assert answer.status_code == 200
    assert f'"conversation": "{mine.pk}"' in answer.content.decode()


def test_somebody_else_s_conversation_is_as_unknown_as_none(client: Client, ada: User) -> None:
    theirs = Conversation.objects.create(owner=User.objects.create_user("eve"), title="secret plans")
    for unknown in (theirs.pk, uuid4()):
        answer = client.get(f"/c/{unknown}/")
        assert answer.status_code == 404
        assert "llmchat-app" in answer.content.decode()
        assert "secret plans" not in answer.content.decode()


def test_no_cache_keeps_the_page(client: Client, ada: User) -> None:
    assert "no-store" in client.get("/").headers["Cache-Control"]


def test_only_reading_is_possible(client: Client, ada: User) -> None:
    assert client.post("/").status_code == 405
    assert client.head("/").status_code == 200


def test_a_right_to_left_language_turns_the_page(client: Client, ada: User) -> None:
    html = client.get("/", headers={"accept-language": "ar"}).content.decode()
    assert 'lang="ar" dir="rtl"' in html
