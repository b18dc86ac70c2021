"""`api/keys/`: a key is shown once, works until it is revoked or expires, and is stored nowhere."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat import keys
from chat.exceptions import Refused
from chat.models import ApiKey

pytestmark = pytest.mark.django_db

KEYS = "/api/keys/"


def make(client: Client, **body: Any) -> Any:
    return client.post(KEYS, json.dumps({"name": "laptop", **body}), content_type="application/json")


def test_a_key_is_shown_once_and_is_in_no_table(browser: Client, ada: Any) -> None:
    answer = make(browser)
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    key = answer.json()["key"]
    assert key.startswith("sk-llmchat-")
    assert len(key) > 50
    listed = browser.get(KEYS)
    assert key not in listed.text
    (row,) = listed.json()["results"]
    assert key.startswith(row["prefix"])
    assert (row["name"], row["last_used_at"], row["expires_at"]) == ("laptop", None, None)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM llmchat_apikey")
        assert key not in str(cursor.fetchall())
    assert keys.check(key).owner == ada


def test_the_newest_key_comes_first(browser: Client) -> None:
    for name in ("one", "two", "three"):
        make(browser, name=name)
    assert [row["name"] for row in browser.get(KEYS).json()["results"]] == ["three", "two", "one"]


def test_a_revoked_key_opens_nothing_and_is_not_listed(browser: Client) -> None:
    made = make(browser).json()
    address = f"{KEYS}{made['id']}/"
    assert browser.delete(address).status_code == 204
    assert browser.delete(address).status_code == 404
    assert browser.get(KEYS).json()["results"] == []
    with pytest.raises(keys.BadKey):
        keys.check(made["key"])


def test_an_expired_key_opens_nothing(browser: Client) -> None:
    made = make(browser, expires_in_days=30).json()
    expires = datetime.datetime.fromisoformat(made["expires_at"])
    assert abs(expires - timezone.now() - datetime.timedelta(days=30)) < datetime.timedelta(minutes=1)
    keys.check(made["key"])
    ApiKey.objects.update(expires_at=timezone.now())
    with pytest.raises(keys.BadKey):
        keys.check(made["key"])


@pytest.mark.parametrize("key", ["", "sk-llmchat-", "sk-llmchat-" + "x" * 43, "\0", "\ud800", "x" * 100_000])
def test_what_is_no_key_opens_nothing(browser: Client, key: str) -> None:
    make(browser)
    with pytest.raises(keys.BadKey):
        keys.check(key)


def test_the_key_of_somebody_who_was_deactivated_opens_nothing(browser: Client, ada: Any) -> None:
    key = make(browser).json()["key"]
    ada.is_active = False
    ada.save()
    with pytest.raises(keys.BadKey):
        keys.check(key)


def test_a_use_is_written_down_once_a_minute(browser: Client) -> None:
    row = keys.check(make(browser).json()["key"])
    assert keys.is_use_due(row)
    keys.write_use(row.pk)
    row.refresh_from_db()
    first = row.last_used_at
    assert first is not None
    assert not keys.is_use_due(row)
    keys.write_use(row.pk)
    row.refresh_from_db()
    assert row.last_used_at == first
    ApiKey.objects.update(last_used_at=first - keys.USE_INTERVAL)
    row.refresh_from_db()
    assert keys.is_use_due(row)


@pytest.mark.parametrize(
    "body",
    [{"name": ""}, {"name": " \0"}, {"name": "x" * 101}, {"name": 5}, {"expires_in_days": 0}, {"owner": 1}],
)
def test_a_key_that_makes_no_sense_is_refused(browser: Client, body: dict[str, Any]) -> None:
    answer = make(browser, **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_frame")
    assert not ApiKey.objects.exists()


def test_a_user_has_at_most_so_many_keys(browser: Client, settings: Any) -> None:
    settings.LLMCHAT = {**settings.LLMCHAT, "MAX_KEYS_PER_USER": 2}
    made = [make(browser) for _ in range(3)]
    assert [answer.status_code for answer in made] == [201, 201, 409]
    assert "Revoke" in made[2].json()["error"]["message"]
    browser.delete(f"{KEYS}{made[0].json()['id']}/")
    assert make(browser).status_code == 201


def test_revoked_keys_do_not_pile_up(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.views.keys.REVOKED_KEPT", 3)
    for _ in range(6):
        browser.delete(f"{KEYS}{make(browser).json()['id']}/")
    make(browser)
    assert ApiKey.objects.filter(revoked_at__isnull=False).count() == 3


def test_a_strangers_key_is_not_found(browser: Client) -> None:
    made = make(browser).json()
    stranger = Client()
    stranger.force_login(get_user_model()._default_manager.create_user("eve", is_superuser=True))
    assert stranger.get(KEYS).json()["results"] == []
    assert stranger.delete(f"{KEYS}{made['id']}/").status_code == 404
    keys.check(made["key"])


def test_making_and_revoking_need_a_session_and_a_csrf_token(browser: Client, ada: Any) -> None:
    made = make(browser).json()
    assert make(Client()).status_code == 401
    bearer = Client(headers={"Authorization": f"Bearer {made['key']}"})
    assert make(bearer).status_code == 401
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    assert make(strict).status_code == 403
    assert strict.delete(f"{KEYS}{made['id']}/").status_code == 403
    assert ApiKey.objects.filter(revoked_at=None).count() == 1


def test_who_may_not_chat_any_more_is_told_so(
    browser: Client, ada: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make(browser).json()["key"]
    monkeypatch.setattr("chat.policy.ChatPolicy.may_chat", lambda self, user: False)
    with pytest.raises(Refused) as refused:
        keys.check(key)
    assert not isinstance(refused.value, keys.BadKey)
    assert make(browser).status_code == 403


def test_the_addresses_are_where_the_protocol_says() -> None:
    assert reverse("llmchat:api_keys") == KEYS
