from __future__ import annotations

import uuid

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chat.models import ContentAccess

from .conftest import client_of, make_user

pytestmark = pytest.mark.django_db

LIST = "/admin/llmchat/contentaccess/"


@pytest.fixture
def access() -> ContentAccess:
    return ContentAccess.objects.create(
        reader_name="ada",
        owner_name="grace",
        conversation_id=uuid.uuid4(),
        action="read",
        address="192.0.2.7",
    )


def readers(client: Client, **query: str) -> int:
    return client.get(LIST, query).text.count('class="field-reader_name')


def test_it_lists_who_read_what_when_and_from_where(lister: Client, access: ContentAccess) -> None:
    page = lister.get(LIST).text
    assert "Who read what" in page
    for shown in ("ada", "read the transcript", "grace", str(access.conversation_id)[:8], "192.0.2.7"):
        assert shown in page


def test_it_is_searched_by_name_conversation_and_address(lister: Client, access: ContentAccess) -> None:
    ContentAccess.objects.create(reader_name="charles", action="search")
    for term in ("ADA", "grace", str(access.conversation_id), "192.0.2.7"):
        assert readers(lister, q=term) == 1
    assert readers(lister, q="192.0.2") == 0
    assert readers(lister, q=" ") == 2
    assert readers(lister, action="search") == 1
    assert readers(lister) == 2


def test_the_record_outlives_its_reader() -> None:
    reader = make_user("user")
    ContentAccess.objects.create(reader=reader, reader_name="user", action="an old one")
    client = client_of("superuser")
    client.post(f"/admin/auth/user/{reader.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(username="user").exists()
    page = client.get(LIST).text
    assert "an old one" in page
    assert client.get(f"{LIST}{ContentAccess.objects.get().pk}/change/").status_code == 200


@pytest.mark.parametrize("kind", ["lister", "superuser"])
def test_nobody_adds_changes_or_deletes_a_record(kind: str, access: ContentAccess) -> None:
    client = client_of(kind)
    assert client.get(LIST + "add/").status_code == 403
    assert client.post(LIST + "add/", {"reader_name": "x", "action": "read"}).status_code == 403
    assert client.post(f"{LIST}{access.pk}/change/", {"reader_name": "x"}).status_code == 403
    assert client.post(f"{LIST}{access.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(LIST, {"action": "delete_selected", "_selected_action": str(access.pk), "post": "yes"})
    assert ContentAccess.objects.get().reader_name == "ada"


def test_many_rows_take_no_more_queries_than_one(lister: Client, access: ContentAccess) -> None:
    counts = []
    for wanted in (1, 40):
        while ContentAccess.objects.count() < wanted:
            reader = User.objects.create_user(f"reader {ContentAccess.objects.count()}")
            ContentAccess.objects.create(reader=reader, reader_name=reader.username, action="read")
        with CaptureQueriesContext(connection) as captured:
            assert readers(lister) == wanted
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 12
