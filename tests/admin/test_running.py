from __future__ import annotations

import datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat.models import Generation, Runner, Status

from .conftest import Stop, begin, client_of, converse, make_user

pytestmark = pytest.mark.django_db

RUNNING = "/admin/llmchat/generation/running/"


def test_it_lists_what_runs_and_what_waits(lister: Client, owner: User) -> None:
    running = begin(converse(owner, ("one", "two")), "a", "b", "c")
    queued = begin(converse(None, ("one", "two")), status=Status.QUEUED)
    figures = {"answers": {str(running.pk): [345, 20]}}
    Generation.objects.filter(pk=running.pk).update(
        runner=Runner.objects.create(label="process one", figures=figures),
        created=timezone.now() - datetime.timedelta(seconds=95),
        door="python",
    )
    page = lister.get(RUNNING).text
    rows = page.partition("<tbody>")[2].partition("</tbody>")[0].split("<tr ")[1:]
    assert [f'data-generation="{pk}"' in row for pk, row in zip((running.pk, queued.pk), rows, strict=True)]
    for shown in ("running", "grace", "tiny", "1 min 35 s", ">345<", ">20/s<", "Python", "process one"):
        assert shown in rows[0]
    for shown in ("queued", "Guest", "browser"):
        assert shown in rows[1]
    assert "2 generations are running or waiting." in page


def test_what_has_ended_is_not_listed(lister: Client, owner: User) -> None:
    converse(owner, ("one", "two"))
    assert "Nothing is running or waiting." in lister.get(RUNNING).text


def test_a_stateless_answer_and_one_of_a_temporary_conversation_have_no_link(
    lister: Client, owner: User
) -> None:
    Generation.objects.create(owner=owner, status=Status.RUNNING, model="alone")
    begin(converse(owner, temporary=True))
    page = lister.get(RUNNING).text
    assert "2 generations" in page
    assert "/llmchat/conversation/" not in page.partition("<tbody>")[2].partition("</tbody>")[0]


def test_stop_sets_the_flag_that_every_process_reads(lister: Client, owner: User) -> None:
    one, two, three = (begin(converse(owner)) for _ in range(3))
    response = lister.post(RUNNING, {"generation": [one.pk, two.pk]})
    assert response["Location"] == RUNNING
    assert [str(message) for message in get_messages(response.wsgi_request)] == [
        "2 generations are being stopped."
    ]
    flags = dict(Generation.objects.values_list("pk", "stop_requested"))
    assert flags == {one.pk: "admin", two.pk: "admin", three.pk: ""}
    page = lister.get(RUNNING).text
    assert page.count("stopping…") == 2
    assert page.count('name="only"') == 1


def test_the_button_of_a_row_stops_that_row_alone(lister: Client, owner: User, stops: list[Stop]) -> None:
    one, two = (begin(converse(owner)) for _ in range(2))
    lister.post(RUNNING, {"generation": [one.pk], "only": two.pk})
    assert [(stop.generations, stop.reason) for stop in stops] == [([two.pk], "admin")]


def test_who_stopped_what_is_in_the_log(lister: Client, owner: User) -> None:
    generation = begin(converse(owner))
    lister.post(RUNNING, {"only": generation.pk})
    entry = LogEntry.objects.get()
    assert (entry.user.get_username(), entry.object_id) == ("lister", str(generation.pk))
    assert entry.get_change_message() == "Stopped by the operator."


@pytest.mark.parametrize("value", ["", "x", "-1", "9" * 40, "٣", "1.0"])
def test_a_strange_number_stops_nothing(lister: Client, owner: User, stops: list[Stop], value: str) -> None:
    begin(converse(owner))
    assert lister.post(RUNNING, {"generation": value}).status_code == 302
    assert stops == []


def test_an_answer_that_has_ended_is_left_alone(lister: Client, owner: User, stops: list[Stop]) -> None:
    converse(owner, ("one", "two"))
    lister.post(RUNNING, {"generation": Generation.objects.get().pk})
    assert stops == []
    assert not LogEntry.objects.exists()


def test_to_see_is_not_to_stop(owner: User, stops: list[Stop]) -> None:
    viewer = make_user("staff")
    viewer.user_permissions.add(Permission.objects.get(codename="view_generation"))
    client = client_of("staff")
    generation = begin(converse(owner))
    page = client.get(RUNNING).text
    assert str(generation.pk) in page
    assert "Stop" not in page
    assert client.post(RUNNING, {"generation": generation.pk}).status_code == 403
    assert stops == []


def test_stop_is_refused_to_forged_requests(owner: User, stops: list[Stop]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("superuser"))
    generation = begin(converse(owner))
    assert client.post(RUNNING, {"generation": generation.pk}).status_code == 403
    assert stops == []


def test_refreshing_leaves_messages_for_the_page_they_are_meant_for(lister: Client, owner: User) -> None:
    lister.post(RUNNING, {"generation": begin(converse(owner)).pk})
    rows = lister.get(RUNNING, {"rows": "1"}).text
    assert "being stopped" not in rows
    assert "<html" not in rows
    assert "1 generation is being stopped." in lister.get(RUNNING).text


def test_many_rows_take_no_more_queries_than_one(lister: Client, owner: User) -> None:
    counts = []
    for number in range(1, 41):
        begin(converse(owner, title=str(number)), "a")
        if number in (1, 40):
            with CaptureQueriesContext(connection) as captured:
                assert lister.get(RUNNING).text.count("data-generation") == number
            counts.append(len(captured))
    assert counts[0] == counts[1] <= 8


def test_every_list_leads_to_it_for_those_who_may(lister: Client, owner: User) -> None:
    for address in ("/admin/llmchat/", "/admin/llmchat/conversation/", "/admin/llmchat/generation/"):
        assert RUNNING in lister.get(address).text
    viewer = make_user("staff")
    viewer.user_permissions.add(Permission.objects.get(codename="view_conversation"))
    assert RUNNING not in client_of("staff").get("/admin/llmchat/conversation/").text
