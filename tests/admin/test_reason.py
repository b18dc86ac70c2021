"""Why somebody reads: no text before it is said, and it stands in every row that their reading leaves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings

from chat.models import ContentAccess, Conversation

from .conftest import CANARY, client_of

pytestmark = pytest.mark.django_db

LIST = "/admin/llmchat/conversation/"
REASON = f"{LIST}reason/"


@pytest.fixture(autouse=True)
def _required(secret: Conversation) -> Iterator[None]:
    with override_settings(LLMCHAT={**settings.LLMCHAT, "ACCESS_REASON_REQUIRED": True}):
        yield


def pages(client: Client, secret: Conversation) -> list[str]:
    addresses = (LIST, f"{LIST}?q={CANARY}", f"{LIST}{secret.pk}/change/")
    return [client.get(address).text.replace(f'value="{CANARY}"', "") for address in addresses]


def test_no_text_is_shown_before_the_reason(reader: Client, secret: Conversation) -> None:
    for page in pages(reader, secret):
        assert CANARY not in page.replace(f"q={CANARY}", "")
        assert "why you need to read them" in page
    assert not ContentAccess.objects.exists()


def test_with_a_reason_texts_are_shown_and_it_is_recorded(reader: Client, secret: Conversation) -> None:
    back = f"{LIST}{secret.pk}/change/"
    response = reader.post(REASON, {"why": "  ticket\n4711 ", "next": back})
    assert response["Location"] == back
    for page in pages(reader, secret):
        assert CANARY in page
    assert set(ContentAccess.objects.values_list("why", flat=True)) == {"ticket 4711"}
    assert set(ContentAccess.objects.values_list("action", flat=True)) == {"list", "search", "hit", "read"}


def test_a_reason_holds_for_a_quarter_of_an_hour(
    reader: Client, secret: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.post(REASON, {"why": "ticket 4711"})
    later = time.time() + 15 * 60 + 1
    monkeypatch.setattr("chat.admin.base.time.time", lambda: later)
    assert CANARY not in reader.get(LIST).text


@pytest.mark.parametrize("why", ["", "  ", "x", "\n\n\n\n"])
def test_a_reason_that_is_none_is_refused(reader: Client, why: str) -> None:
    page = reader.post(REASON, {"why": why, "next": LIST}, follow=True).text
    assert "Please say in a few words" in page
    assert CANARY not in page


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_nobody_is_led_away(reader: Client, back: str) -> None:
    assert reader.post(REASON, {"why": "ticket 4711", "next": back})["Location"] == LIST


@pytest.mark.parametrize("kind", ["staff", "lister"])
def test_who_may_not_read_is_not_asked(kind: str, secret: Conversation) -> None:
    client: Any = client_of(kind)
    assert client.post(REASON, {"why": "ticket 4711"}).status_code == 403
    assert "why you need to read them" not in client.get(LIST).text
