from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.template.response import TemplateResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chat.admin import ConversationAdmin
from chat.models import (
    ContentAccess,
    Conversation,
    Feedback,
    Generation,
    JournalChunk,
    LegalHold,
    Message,
    Role,
    Status,
)

from .conftest import Stop, begin, client_of, converse, make_user, run, say
from .test_walk import keys_in

pytestmark = pytest.mark.django_db

LIST = "/admin/llmchat/conversation/"


def listed(client: Client, **query: str) -> set[str]:
    """The titles in the list."""
    keys = keys_in(client.get(LIST, query).text)
    return set(Conversation.objects.filter(pk__in=keys).values_list("title", flat=True))


def test_a_row_tells_owner_status_size_tokens_and_cost(reader: Client, owner: User) -> None:
    conversation = converse(owner, ("one", "two"), title="Rainbows")
    last = conversation.messages.get(role=Role.ASSISTANT)
    Generation.objects.update(prompt_tokens=1200, completion_tokens=34, cost="0.0125")
    run(last, Status.INTERRUPTED, prompt_tokens=66, cost="0.5")
    row = reader.get(LIST).text.partition("<tbody>")[2].partition("</tbody>")[0]
    for shown in ("Rainbows", "grace", "tiny", "interrupted", ">2<", ">1300<", ">0.5125<"):
        assert shown in row


def test_the_status_filter_finds_what_runs_and_how_the_last_answer_ended(reader: Client, owner: User) -> None:
    conversation = converse(owner, ("one", "two"), title="Rainbows")
    begin(conversation)
    assert listed(reader, status="running") == {"Rainbows"}
    assert listed(reader, status="complete") == {"Rainbows"}
    Generation.objects.filter(status=Status.RUNNING).update(status=Status.STOPPED)
    run(say(conversation, None, Role.ASSISTANT, "late"), Status.ERROR)
    assert listed(reader, status="error") == {"Rainbows"}
    assert listed(reader, status="running") == set()
    assert listed(reader, status="nonsense") == {"Rainbows"}


def test_conversations_without_an_answer_and_of_guests_are_listed(reader: Client) -> None:
    Conversation.objects.create(session_key="abc")
    page = reader.get(LIST).text
    assert "Untitled" in page
    assert "Guest" in page


def test_it_is_filtered_by_model_owner_and_date(reader: Client, owner: User) -> None:
    converse(owner, title="one")
    other = converse(make_user("user"), title="two")
    Conversation.objects.filter(pk=other.pk).update(
        model="large", updated=timezone.now() - datetime.timedelta(days=3)
    )
    assert listed(reader, model="large") == {"two"}
    assert listed(reader, owner=str(owner.pk)) == {"one"}
    yesterday = timezone.localdate() - datetime.timedelta(days=1)
    assert listed(reader, since=yesterday.isoformat()) == {"one"}
    assert listed(reader, until=yesterday.isoformat()) == {"two"}
    assert listed(reader, since=timezone.localdate().isoformat(), until="1999-01-01") == {"one", "two"}


def test_a_strange_filter_is_answered_with_the_whole_list(reader: Client, owner: User) -> None:
    converse(owner, title="one")
    for query in (
        {"owner": "x"},
        {"since": "yesterday"},
        {"until": "2026-02-31"},
        {"p": "99999"},
        {"o": "77.x"},
    ):
        assert reader.get(LIST, query, follow=True).status_code == 200


def test_search_finds_owner_number_title_and_text(reader: Client, owner: User) -> None:
    conversation = converse(owner, ("where is Ithaca", "in the Ionian sea"), title="Rainbows")
    converse(make_user("user"), ("hello", "Ithaca"), title="Other")
    assert listed(reader, q="GRACE") == {"Rainbows"}
    assert listed(reader, q=str(conversation.pk)) == {"Rainbows"}
    assert listed(reader, q="rainb") == {"Rainbows"}
    assert listed(reader, q="ithaca") == {"Rainbows", "Other"}
    assert listed(reader, q="ithaca grace") == {"Rainbows"}
    assert listed(reader, q='"ionian sea"') == {"Rainbows"}
    assert listed(reader, q='"sea ionian"') == set()
    assert listed(reader, q="nowhere") == set()


def test_search_without_the_permission_finds_owner_and_number(lister: Client, owner: User) -> None:
    conversation = converse(owner, ("where is Ithaca", "in the sea"), title="Rainbows")
    assert listed(lister, q="grace") == {"Rainbows"}
    assert listed(lister, q=str(conversation.pk)) == {"Rainbows"}
    assert listed(lister, q="rainbows") == set()
    assert listed(lister, q="ithaca") == set()


@pytest.mark.parametrize("term", ["%", "_", "\\", '"', "'", '"unclosed', "🦄", "a" * 5000, " ", "( or 1=1"])
def test_no_search_term_breaks_the_list(reader: Client, owner: User, term: str) -> None:
    converse(owner, ("one", "two"))
    assert reader.get(LIST, {"q": term}).status_code == 200


def test_a_search_in_texts_is_recorded_once(reader: Client, owner: User) -> None:
    converse(owner, ("one", "two"))
    reader.get(LIST, {"q": "one"}, REMOTE_ADDR="192.0.2.7")
    access = ContentAccess.objects.get(action="search")
    assert (access.reader_name, access.what, access.address) == ("reader", "one", "192.0.2.7")
    assert access.conversation_id is None


def test_what_a_search_finds_is_recorded_with_whose_it_is(reader: Client, owner: User) -> None:
    conversation = converse(owner, ("one", "two"))
    converse(owner, ("three", "four"))
    reader.get(LIST, {"q": "two"})
    access = ContentAccess.objects.get(action="hit")
    assert (access.conversation_id, access.owner, access.what) == (conversation.pk, owner, "two")


def test_a_page_of_titles_leaves_one_row(reader: Client, owner: User) -> None:
    for _ in range(3):
        converse(owner, ("one", "two"))
    reader.get(LIST)
    assert list(ContentAccess.objects.values_list("action", "conversation_id")) == [("list", None)]


@pytest.mark.parametrize("query", [{"owner": "{}"}, {"user": "grace"}, {"user": "GRACE@"}])
def test_a_page_of_ones_titles_names_them(reader: Client, owner: User, query: dict[str, str]) -> None:
    converse(owner, ("one", "two"))
    converse(make_user("user"), ("one", "two"))
    reader.get(LIST, {name: value.format(owner.pk) for name, value in query.items()})
    access = ContentAccess.objects.get()
    assert (access.action, access.owner, access.owner_name) == ("list", owner, "grace")
    assert access.what == "user=grace"


def test_a_page_of_several_users_titles_names_none(reader: Client, owner: User) -> None:
    converse(owner, ("one", "two"))
    converse(make_user("user"), ("one", "two"))
    reader.get(LIST, {"user": "example.com"})
    access = ContentAccess.objects.get()
    assert (access.owner, access.owner_name, access.what) == (None, "", "")


def test_what_shows_no_text_is_not_recorded(lister: Client, reader: Client, owner: User) -> None:
    reader.get(LIST, {"q": " "})
    reader.get(LIST)
    converse(owner, ("one", "two"))
    lister.get(LIST, {"q": "one"})
    assert not ContentAccess.objects.exists()


def test_it_is_filtered_by_user_group_error_and_feedback(reader: Client, owner: User) -> None:
    good, bad = converse(owner, ("a", "b"), title="good"), converse(make_user("user"), title="bad")
    say(bad, None, Role.USER, "asked")
    run(say(bad, None, Role.ASSISTANT, "failed"), Status.ERROR, error_code="upstream_timeout")
    group = Group.objects.create(name="editors")
    owner.groups.add(group)
    for conversation, rating in ((good, 1), (bad, -1)):
        answer = conversation.messages.filter(role=Role.ASSISTANT).get()
        Feedback.objects.create(message=answer, owner=conversation.owner, rating=rating)
    for query in ({"user": "grace"}, {"user": "GRACE@"}, {"group": str(group.pk)}, {"feedback": "good"}):
        assert listed(reader, **query) == {"good"}
    for query in ({"error": "any"}, {"error": "upstream_timeout"}, {"feedback": "bad"}):
        assert listed(reader, **query) == {"bad"}
    for query in ({"user": ""}, {"group": "x"}, {"feedback": "x"}, {"feedback": "any"}):
        assert listed(reader, **query) == {"good", "bad"}
    assert listed(reader, error="internal") == set()


def test_a_user_who_is_not_there_is_told(reader: Client, owner: User) -> None:
    converse(owner)
    page = reader.get(LIST, {"user": "nobody<b>"}).text
    assert "There is no user like “nobody&lt;b&gt;”." in page
    assert keys_in(page) == []


def test_a_date_that_is_none_is_told_and_left_out(reader: Client, owner: User) -> None:
    converse(owner)
    for query in ({"since": "soon"}, {"until": "2026-13-40"}, {"since": "0001-01-01"}, {"until": "x" * 5000}):
        page = reader.get(LIST, query).text
        assert "is not a date" in page
        assert len(keys_in(page)) == 1


def test_names_are_completed_for_those_who_may_see_the_list(reader: Client, owner: User) -> None:
    assert reader.get(f"{LIST}owners/", {"q": "gra"}).json() == {"results": ["grace"]}
    assert reader.get(f"{LIST}owners/", {"q": ""}).json() == {"results": []}
    assert client_of("staff").get(f"{LIST}owners/", {"q": "gra"}).status_code == 403


def test_a_long_list_is_counted_to_its_cap(
    reader: Client, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.admin.paginator.CAP", 3)
    for number in range(5):
        converse(owner, title=str(number))
    page = reader.get(LIST).text
    assert "more than 3" in page
    assert len(keys_in(page)) == 5


def test_what_its_owner_has_deleted_does_not_appear(reader: Client, owner: User) -> None:
    gone = converse(owner, ("one", "two"), deleted_at=timezone.now(), expires_at=timezone.now())
    assert listed(reader) == set()
    assert reader.get(f"{LIST}{gone.pk}/change/").status_code == 302


def test_temporary_conversations_do_not_appear(reader: Client, owner: User) -> None:
    kept = converse(owner, ("kept text", "a"), title="kept")
    hidden = converse(owner, ("hidden text", "a"), title="hidden", temporary=True)
    begin(hidden)
    assert listed(reader) == {"kept"}
    assert listed(reader, q="text") == {"kept"}
    assert listed(reader, status="running") == set()
    for address in (
        reverse("admin:llmchat_conversation_change", args=(kept.pk,)),
        reverse("admin:llmchat_generation_changelist"),
        reverse("admin:llmchat_generation_running"),
    ):
        page = reader.get(address).text
        assert str(hidden.pk) not in page
        assert str(hidden.pk)[:8] not in page
    for name in ("change", "delete", "history"):
        address = reverse(f"admin:llmchat_conversation_{name}", args=(hidden.pk,))
        assert reader.get(address).status_code == 302


@pytest.mark.parametrize("kind", ["lister", "reader", "superuser"])
def test_nobody_adds_or_changes_a_conversation(kind: str, owner: User) -> None:
    conversation = converse(owner, ("one", "two"), title="before")
    client = client_of(kind)
    assert client.get(LIST + "add/").status_code == 403
    assert client.post(f"{LIST}{conversation.pk}/change/", {"title": "after"}).status_code == 405
    conversation.refresh_from_db()
    assert conversation.title == "before"


@pytest.mark.slow
def test_the_list_takes_as_many_queries_for_a_hundred_rows_as_for_ten(reader: Client, owner: User) -> None:
    counts = {}
    for number in range(100):
        converse(owner, ("one", "two"), title=str(number))
        if number + 1 in (10, 100):
            reader.get(LIST)
            with CaptureQueriesContext(connection) as captured:
                page = reader.get(LIST, {"all": ""}).text
            assert len(keys_in(page)) == number + 1
            counts[number + 1] = len(captured)
    assert counts[10] == counts[100] <= 12


# Deleting


@pytest.mark.django_db(transaction=True)
def test_deleting_stops_the_answers_before_the_rows_go(
    lister: Client, owner: User, stops: list[Stop]
) -> None:
    conversation = converse(owner, ("one", "two"))
    live = begin(conversation, "so far")
    other = begin(converse(owner, ("one", "two")), "so far")
    lister.post(f"{LIST}{conversation.pk}/delete/", {"post": "yes"})
    assert stops == [Stop([live.pk], "deleted", in_transaction=False, rows_still_there=True)]
    assert list(Generation.objects.filter(status=Status.RUNNING)) == [other]
    assert list(JournalChunk.objects.values_list("generation", flat=True)) == [other.pk]
    assert Conversation.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_deleting_many_stops_the_answers_of_all(lister: Client, owner: User, stops: list[Stop]) -> None:
    doomed = [converse(owner, ("one", "two")) for _ in range(3)]
    live = [begin(conversation).pk for conversation in doomed]
    kept = converse(owner, ("one", "two"))
    begin(kept)
    action = {"action": "delete_selected", "_selected_action": [str(each.pk) for each in doomed]}
    assert "Conversations: 3" in lister.post(LIST, action).text
    assert stops == []
    lister.post(LIST, {**action, "post": "yes"})
    assert stops == [Stop(live, "deleted", in_transaction=False, rows_still_there=True)]
    assert list(Conversation.objects.all()) == [kept]


def test_deleting_asks_with_counts_however_long_the_conversation(
    lister: Client, owner: User, stops: list[Stop]
) -> None:
    conversation = converse(owner)
    Message.objects.bulk_create(
        Message(conversation=conversation, role=Role.USER, content="x", position=n) for n in range(2000)
    )
    begin(conversation, "so far")
    address = f"{LIST}{conversation.pk}/delete/"
    with CaptureQueriesContext(connection) as captured:
        page = lister.get(address).text
    assert "Messages: 2001" in page
    assert "Generations: 1" in page
    assert "Journal chunks: 1" in page
    assert len(page) < 20_000
    assert len(captured) <= 12
    lister.post(address, {"post": "yes"})
    assert not Message.objects.exists()


def test_a_refused_deletion_stops_nothing(owner: User, stops: list[Stop]) -> None:
    viewer = make_user("staff")
    viewer.user_permissions.add(Permission.objects.get(codename="view_conversation"))
    conversation = converse(owner, ("one", "two"))
    begin(conversation)
    response = client_of("staff").post(f"{LIST}{conversation.pk}/delete/", {"post": "yes"})
    assert response.status_code == 403
    assert stops == []
    assert Conversation.objects.exists()


@pytest.mark.parametrize("on", ["user", "conversation"])
def test_what_is_held_by_law_is_not_deleted_and_goes_on(
    lister: Client, owner: User, stops: list[Stop], on: str
) -> None:
    conversation = converse(owner, ("one", "two"))
    begin(conversation)
    held: dict[str, Any] = {"user": owner} if on == "user" else {"conversation": conversation}
    LegalHold.objects.create(why="case 17", **held)
    address = f"{LIST}{conversation.pk}/delete/"
    action = {"action": "delete_selected", "_selected_action": str(conversation.pk)}
    for page in (
        lister.get(address),
        lister.post(address, {"post": "yes"}),
        lister.post(LIST, action),
        lister.post(LIST, {**action, "post": "yes"}),
    ):
        assert page.status_code == 200
        assert "legal holds: 1" in page.text
    assert stops == []
    assert Conversation.objects.exists()


def test_deleting_a_user_stops_the_users_answers_and_nobody_elses(owner: User, stops: list[Stop]) -> None:
    live = begin(converse(owner, ("one", "two")))
    stateless = Generation.objects.create(owner=owner, status=Status.RUNNING)
    begin(converse(make_user("user"), ("one", "two")))
    address = reverse("admin:auth_user_delete", args=(owner.pk,))
    client_of("superuser").post(address, {"post": "yes"})
    assert [(stop.generations, stop.reason) for stop in stops] == [([live.pk, stateless.pk], "deleted")]
    assert not User.objects.filter(pk=owner.pk).exists()
    assert Conversation.objects.count() == 1


def test_who_may_not_delete_conversations_does_not_delete_their_owner(owner: User) -> None:
    staff = make_user("staff")
    staff.user_permissions.add(*Permission.objects.filter(codename__in=("view_user", "delete_user")))
    converse(owner, ("one", "two"))
    address = reverse("admin:auth_user_delete", args=(owner.pk,))
    assert client_of("staff").post(address, {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=owner.pk).exists()


def test_a_host_registers_a_subclass(rf: RequestFactory, owner: User) -> None:
    class OtherAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # Django's is generic for the checker only
        list_per_page = 1

    class Mine(ConversationAdmin, OtherAdmin):
        list_display = ("name", "last_activity")
        list_per_page = 2

    for title in ("one", "two", "three"):
        converse(owner, title=title)
    mine = Mine(Conversation, admin.site)
    assert not mine.check()
    request = rf.get(LIST)
    request.user = make_user("superuser")
    response = mine.changelist_view(request)
    assert isinstance(response, TemplateResponse)
    assert len(keys_in(response.render().text)) == 2
