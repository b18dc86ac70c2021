from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client

from chat import keys
from chat.models import ApiKey

from .conftest import client_of, make_user

pytestmark = pytest.mark.django_db

LIST = "/admin/llmchat/apikey/"


@pytest.fixture
def key(owner: User) -> tuple[ApiKey, str]:
    return ApiKey.objects.make(owner, "laptop")


def staff(*codenames: str) -> Client:
    make_user("staff").user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return client_of("staff")


def test_it_lists_whose_keys_there_are_and_not_the_keys(key: tuple[ApiKey, str]) -> None:
    row, secret = key
    client = staff("view_apikey")
    pages = client.get(LIST).text + client.get(f"{LIST}{row.pk}/change/").text
    for shown in ("laptop", "grace", row.prefix, "never"):
        assert shown in pages
    assert secret not in pages
    assert row.digest not in pages
    assert "Revoke selected" not in pages


def test_a_key_that_was_found_leads_to_its_owner(key: tuple[ApiKey, str]) -> None:
    ApiKey.objects.make(make_user("user"), "another")
    client = staff("view_apikey")
    for term in (key[1], key[0].prefix, "grace"):
        page = client.get(LIST, {"q": term}).text
        assert "laptop" in page
        assert "another" not in page
    assert "laptop" not in client.get(LIST, {"q": key[0].digest}).text


def test_revoking_ends_it_at_once_and_is_logged(key: tuple[ApiKey, str]) -> None:
    action = {"action": "revoke", "_selected_action": str(key[0].pk)}
    staff("view_apikey").post(LIST, action)
    keys.check(key[1])
    User.objects.all().filter(username="staff").delete()
    page = staff("view_apikey", "change_apikey").post(LIST, action, follow=True).text
    assert "1 API key is revoked." in page
    with pytest.raises(keys.BadKey):
        keys.check(key[1])
    assert LogEntry.objects.get().object_repr == str(key[0])


def test_keys_are_gone_with_their_owner_and_not_deleted_otherwise(key: tuple[ApiKey, str]) -> None:
    client = staff("view_apikey", "change_apikey", "view_user", "delete_user", "delete_conversation")
    assert client.post(f"{LIST}{key[0].pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(f"/admin/auth/user/{key[0].owner_id}/delete/", {"post": "yes"})
    assert not ApiKey.objects.exists()
