from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chat.models import Generation, Role, Runner, Status

from .conftest import begin, client_of, converse, make_user, run, say
from .test_walk import keys_in

pytestmark = pytest.mark.django_db

LIST = "/admin/llmchat/generation/"
RUNNERS = "/admin/llmchat/runner/"


def listed(client: Client, **query: str) -> list[str]:
    table = client.get(LIST, query).text.partition("<tbody>")[2].partition("</tbody>")[0]
    return [key for key in keys_in(table) if key.isdecimal()]


@pytest.fixture
def failed(owner: User) -> Generation:
    conversation = converse(owner)
    return run(
        say(conversation, None, Role.ASSISTANT, "half"),
        Status.ERROR,
        error_code="upstream_timeout",
        reference="9f3ab2c1",
        timings={"first_token": 412, "total": 65230},
        prompt_tokens=12,
        completion_tokens=34,
        estimated=True,
        cost="0.0000042",
    )


def test_a_row_is_an_entry_of_the_ledger(lister: Client, failed: Generation) -> None:
    table = lister.get(LIST).text.partition("<tbody>")[2].partition("</tbody>")[0]
    for shown in ("grace", "tiny", "upstream_timeout", "0.4 s", "65.2 s", "≈ 12 + 34", "0.000004200"):
        assert shown in table
    assert failed.message is not None
    link = f"/admin/llmchat/conversation/{failed.message.conversation_id}/change/"
    assert f'href="{link}?message=0#m-0"' in table


def test_it_is_found_by_number_owner_and_reference(lister: Client, failed: Generation) -> None:
    converse(make_user("user"), ("one", "two"))
    for term in (str(failed.pk), "GRACE", "9f3ab2c1"):
        assert listed(lister, q=term) == [str(failed.pk)]
    assert listed(lister, q="9f3") == []
    assert len(listed(lister, q=" ")) == 2


def test_it_is_filtered_by_status_model_door_and_error(lister: Client, failed: Generation) -> None:
    converse(make_user("user"), ("one", "two"))
    for query in (
        {"status__exact": "error"},
        {"error": "upstream_timeout"},
        {"error": "any"},
    ):
        assert listed(lister, **query) == [str(failed.pk)]
    assert len(listed(lister, model="tiny", door__exact="web")) == 2
    assert listed(lister, error="internal") == []
    assert listed(lister, model="unknown") == []


def test_it_takes_as_many_queries_for_fifty_rows_as_for_one(lister: Client, owner: User) -> None:
    counts = []
    for number in range(1, 51):
        converse(owner, ("one", "two"), title=str(number))
        if number in (1, 50):
            with CaptureQueriesContext(connection) as captured:
                assert len(listed(lister)) == number
            counts.append(len(captured))
    assert counts[0] == counts[1] <= 12


@pytest.mark.parametrize("kind", ["lister", "superuser"])
def test_nobody_adds_changes_or_deletes_a_generation(kind: str, failed: Generation) -> None:
    client = client_of(kind)
    assert client.get(LIST + "add/").status_code == 403
    assert client.post(f"{LIST}{failed.pk}/change/", {"model": "other"}).status_code == 403
    assert client.post(f"{LIST}{failed.pk}/delete/", {"post": "yes"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": str(failed.pk), "post": "yes"}
    client.post(LIST, action)
    assert "delete" not in client.get(f"{LIST}{failed.pk}/change/").text.lower()
    failed.refresh_from_db()
    assert failed.model == "tiny"


def test_runners_are_listed_with_what_they_write(lister: Client, owner: User) -> None:
    runner = Runner.objects.create(label="process one", beat=7)
    Runner.objects.create(label="process two", dead=True)
    for _ in range(2):
        generation = begin(converse(owner, ("one", "two")))
        Generation.objects.filter(pk=generation.pk).update(runner=runner)
    with CaptureQueriesContext(connection) as captured:
        table = lister.get(RUNNERS).text.partition("<tbody>")[2].partition("</tbody>")[0]
    assert len(captured) <= 12
    dead, alive = table.split("</tr>")[:2]
    assert "process two" in dead
    assert 'alt="False"' in dead
    assert "process one" in alive
    assert '<td class="field-running">2</td>' in alive


def test_nobody_changes_or_deletes_a_runner() -> None:
    client = client_of("superuser")
    runner = Runner.objects.create(label="process one")
    assert client.get(RUNNERS + "add/").status_code == 403
    assert client.post(f"{RUNNERS}{runner.pk}/change/", {"dead": "on"}).status_code == 403
    assert client.post(f"{RUNNERS}{runner.pk}/delete/", {"post": "yes"}).status_code == 403
    runner.refresh_from_db()
    assert not runner.dead
