from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings

from chat.models import ContentAccess, Conversation

pytestmark = pytest.mark.django_db

ADDRESS = "/api/accesses/"


@pytest.fixture
def ada(client: Client) -> User:
    user = User.objects.create_user("ada")
    client.force_login(user)
    return user


@pytest.fixture
def _told() -> Iterator[None]:
    with override_settings(LLMCHAT={**settings.LLMCHAT, "TELL_READERS": True}):
        yield


def access(owner: User | None, **fields: object) -> ContentAccess:
    values = {"reader_name": "reader", "action": "read", "owner": owner, **fields}
    return ContentAccess.objects.create(**values)


@pytest.mark.usefixtures("_told")
def test_users_see_who_read_what_of_theirs(client: Client, ada: User) -> None:
    conversation = Conversation.objects.create(owner=ada, title="Rainbows")
    access(ada, conversation_id=conversation.pk, why="ticket 4711")
    access(ada, conversation_id=uuid.uuid4(), action="an old one")
    access(User.objects.create_user("grace"), conversation_id=uuid.uuid4())
    access(None)
    access(ada, reader=ada, reader_name="ada")
    old, read = client.get(ADDRESS).json()["results"]
    assert (read["reader"], read["label"], read["title"]) == ("reader", "read the transcript", "Rainbows")
    assert (read["conversation"], read["why"]) == (str(conversation.pk), "ticket 4711")
    assert (old["label"], old["conversation"], old["title"]) == ("an old one", None, "")
    assert "address" not in read


@pytest.mark.usefixtures("_told")
def test_pages_go_on_below(client: Client, ada: User) -> None:
    for _ in range(51):
        access(ada)
    first = client.get(ADDRESS).json()
    assert len(first["results"]) == 50
    second = client.get(ADDRESS, {"before": first["before"]}).json()
    assert len(second["results"]) == 1
    assert second["before"] is None
    assert len(client.get(ADDRESS, {"before": "x"}).json()["results"]) == 50


def test_where_the_site_does_not_tell_there_is_nothing(client: Client, ada: User) -> None:
    access(ada)
    assert client.get(ADDRESS).status_code == 404


@pytest.mark.usefixtures("_told")
def test_nobody_else_may_ask(client: Client) -> None:
    assert client.get(ADDRESS).status_code in (401, 403)


@pytest.mark.usefixtures("_told")
def test_the_pages_tell_that_staff_can_read_and_who_has(client: Client, ada: User) -> None:
    assert "Nobody of the staff has read" in client.get("/settings/").text
    access(ada, conversation_id=uuid.uuid4(), why="ticket 4711")
    page = client.get("/settings/").text
    for shown in ("Who read your chats", "reader", "read the transcript", "ticket 4711"):
        assert shown in page
    assert "can read your chats" in client.get("/").text


@pytest.mark.usefixtures("_told")
def test_the_page_says_what_is_not_told(client: Client, ada: User) -> None:
    assert "several users are recorded without their names" in client.get("/settings/").text
    access(ada)
    assert "several users are recorded without their names" in client.get("/settings/").text


def test_where_the_site_does_not_tell_the_pages_do_not(client: Client, ada: User) -> None:
    access(ada)
    assert "Who read your chats" not in client.get("/settings/").text
    assert "can read your chats" not in client.get("/").text
