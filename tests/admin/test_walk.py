"""Every address of the admin, as every kind of user: no text where it does not belong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse

from chat.models import ContentAccess, Conversation, Feedback, Generation, Runner

from .conftest import CANARY, SESSION_KEY, begin, client_of, converse, make_user

pytestmark = pytest.mark.django_db


def addresses() -> Iterator[str]:
    """All addresses that the admin has for the app, taken from its own list of them."""
    yield reverse("admin:app_list", args=("llmchat",))
    for model, model_admin in admin.site._registry.items():
        if model._meta.app_label != "llmchat":
            continue
        name = f"admin:llmchat_{model._meta.model_name}"
        keys = [str(row.pk) for row in model._default_manager.all()] + ["0", "nonsense"]
        for pattern in model_admin.get_urls():
            if pattern.name is None:
                # Django's old address of a row, which leads to the one of today.
                yield from (f"{reverse(f'{name}_changelist')}{key}/" for key in keys)
                continue
            try:
                yield reverse(f"admin:{pattern.name}")
            except NoReverseMatch:
                yield from (reverse(f"admin:{pattern.name}", args=(key,)) for key in keys)


@pytest.fixture(autouse=True)
def _everything(secret: Conversation) -> None:
    guest = converse(None, (f"{CANARY} too", CANARY))
    begin(guest, CANARY)
    answer = guest.messages.filter(role="assistant").order_by("position")[0]
    Feedback.objects.create(message=answer, session_key=SESSION_KEY, rating=-1, comment=CANARY)
    ContentAccess.objects.create(
        reader_name="ada", owner_name="grace", conversation_id=secret.pk, action="read"
    )


def test_the_walk_finds_the_pages_of_all_models() -> None:
    found = set(addresses())
    for model in (Conversation, Generation, Runner, ContentAccess):
        name = f"admin:llmchat_{model._meta.model_name}"
        assert reverse(f"{name}_changelist") in found
        assert reverse(f"{name}_change", args=(model._default_manager.latest("pk").pk,)) in found
    assert reverse("admin:llmchat_generation_running") in found
    assert len(found) > 40


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["anonymous", "user"])
def test_who_is_not_staff_is_sent_to_sign_in(kind: str) -> None:
    client = client_of(kind)
    for address in addresses():
        for response in (client.get(address), client.post(address, {"post": "yes"})):
            assert response.status_code == 302, address
            assert "/login/" in response["Location"], address
    assert Conversation.objects.count() == 2


@pytest.mark.slow
def test_staff_without_permissions_get_nothing() -> None:
    client = client_of("staff")
    for address in addresses():
        for response in (client.get(address), client.post(address, {"post": "yes"})):
            away = response.status_code == 302 and response["Location"] in (address + "change/", "/admin/")
            assert away or response.status_code in (403, 404), address
    assert "llmchat" not in client.get(reverse("admin:index")).text
    assert Conversation.objects.count() == 2


def pages_seen(client: Client) -> dict[str, str]:
    """The text of every page the client gets, also of what it is redirected to."""
    seen = {}
    for address in [reverse("admin:index"), *addresses()]:
        for query in ("", "?all=&o=1&_popup=1", "?rows=1"):
            response = client.get(address + query, follow=True)
            # 405: what is only posted to.
            assert response.status_code in (200, 400, 403, 404, 405), address + query
            body: Any = getattr(response, "streaming_content", None)
            seen[address + query] = b"".join(body).decode() if body is not None else response.text
    return seen


@pytest.mark.slow
def test_no_page_shows_a_text_without_the_permission(lister: Client) -> None:
    seen = pages_seen(lister)
    assert [address for address, page in seen.items() if CANARY in page] == []
    assert any("Running generations" in page for page in seen.values())
    # What they did, exports of figures, is recorded too; that they read is not, as they did not.
    accesses = ContentAccess.objects.exclude(reader_name="ada")
    assert set(accesses.values_list("action", flat=True)) <= {"usage"}


@pytest.mark.slow
def test_with_the_permission_texts_stand_in_list_and_transcript_only(reader: Client) -> None:
    seen = pages_seen(reader)
    holding = {address.partition("?")[0] for address, page in seen.items() if CANARY in page}
    lists = {reverse(f"admin:llmchat_{name}_changelist") for name in ("conversation", "feedback")}
    rating = Feedback.objects.get()
    expected = {*lists, reverse("admin:llmchat_feedback_change", args=(rating.pk,))}
    expected.add(f"{reverse('admin:llmchat_feedback_changelist')}{rating.pk}/")
    for conversation in Conversation.objects.all():
        expected.add(reverse("admin:llmchat_conversation_change", args=(conversation.pk,)))
        expected.add(f"{reverse('admin:llmchat_conversation_changelist')}{conversation.pk}/")
    assert holding == expected
    # Each page with a text has left its row: as many as there were pages, three queries to each.
    accesses = ContentAccess.objects.exclude(reader_name="ada").exclude(action="usage")
    assert accesses.count() == sum(CANARY in page for page in seen.values())


@pytest.mark.slow
def test_the_session_of_a_guest_is_shown_to_nobody() -> None:
    pages = pages_seen(client_of("superuser"))
    assert any("Guest" in page for page in pages.values())
    assert [address for address, page in pages.items() if SESSION_KEY in page] == []


def test_deleting_leaves_no_text_in_messages_and_log(lister: Client, secret: Conversation) -> None:
    address = reverse("admin:llmchat_conversation_delete", args=(secret.pk,))
    page = lister.get(address).text + lister.post(address, {"post": "yes"}, follow=True).text
    page += lister.get(reverse("admin:index")).text
    assert "deleted successfully" in page
    assert CANARY not in page
    assert CANARY not in "".join(LogEntry.objects.values_list("object_repr", flat=True))


def test_the_deletion_of_a_user_names_no_text(owner: User) -> None:
    user = make_user("lister")
    user.user_permissions.add(*Permission.objects.filter(codename__in=("view_user", "delete_user")))
    page = client_of("lister").get(reverse("admin:auth_user_delete", args=(owner.pk,))).text
    assert "Conversation" in page
    assert CANARY not in page


LOOKUPS = [
    ("conversation", f"title__startswith={CANARY[:3]}"),
    ("conversation", f"title={CANARY}"),
    ("conversation", f"messages__content__contains={CANARY}"),
    ("conversation", f"metadata__note={CANARY}"),
    ("conversation", "session_key__startswith=guest"),
    ("conversation", "owner__password__startswith=md5"),
    ("conversation", "owner__email__startswith=g"),
    ("generation", f"message__content__contains={CANARY}"),
    ("generation", f"message__conversation__title__contains={CANARY}"),
    ("generation", f"journal__frames__contains={CANARY}"),
    ("generation", "crc32=1"),
    ("generation", "session_key__startswith=guest"),
    ("feedback", f"comment__startswith={CANARY[:3]}"),
    ("feedback", f"message__content__contains={CANARY}"),
    ("usagerecord", "session_key__startswith=guest"),
    ("contentaccess", "reader__password__startswith=md5"),
    ("runner", f"generations__message__content__contains={CANARY}"),
]


@pytest.mark.parametrize(("model", "query"), LOOKUPS)
@pytest.mark.parametrize("kind", ["lister", "superuser"])
def test_no_lookup_in_the_address_reaches_a_hidden_field(kind: str, model: str, query: str) -> None:
    client = client_of(kind)
    for value in (query, query + "zzz"):
        assert client.get(reverse(f"admin:llmchat_{model}_changelist") + "?" + value).status_code == 400


@pytest.mark.parametrize("model", ["conversation", "generation"])
@pytest.mark.parametrize("term", [CANARY, CANARY[:4], "ask", "think", "note"])
def test_a_search_tells_nothing_about_hidden_texts(lister: Client, model: str, term: str) -> None:
    page = lister.get(reverse(f"admin:llmchat_{model}_changelist"), {"q": term}).text
    assert keys_in(page) == []
    assert f"0 {model}s" in page


def test_an_action_on_search_results_tells_nothing_about_hidden_texts(lister: Client) -> None:
    address = reverse("admin:llmchat_conversation_changelist")
    everything = [str(key) for key in Conversation.objects.values_list("pk", flat=True)]
    action = {"action": "delete_selected", "_selected_action": everything, "select_across": "1"}
    page = lister.post(f"{address}?q={CANARY}", action, follow=True).text
    assert not any(key in page for key in everything)


def test_the_order_of_the_list_tells_nothing_about_hidden_titles(lister: Client) -> None:
    address = reverse("admin:llmchat_conversation_changelist")
    orders = [keys_in(lister.get(address, query).text) for query in ({"o": "1"}, {"o": "-1"}, {})]
    assert orders[0] == orders[1] == orders[2]
    assert len(orders[0]) == 2


def test_texts_that_are_hidden_are_not_even_loaded(lister: Client, secret: Conversation) -> None:
    with CaptureQueriesContext(connection) as captured:
        lister.get(reverse("admin:llmchat_conversation_change", args=(secret.pk,)))
    read = " ".join(query["sql"] for query in captured)
    assert '"llmchat_message"."status"' in read
    assert '"llmchat_message"."content"' not in read
    assert '"llmchat_message"."reasoning"' not in read
    assert '"llmchat_journalchunk"."frames"' not in read


def keys_in(page: str) -> list[str]:
    """The rows of a list, in its order."""
    return re.findall(r'href="/admin/llmchat/\w+/([^/"]+)/change/', page)
