from __future__ import annotations

import csv
import datetime
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat.models import ContentAccess, UsageRecord
from chat.usage import rollup

from .conftest import client_of

pytestmark = pytest.mark.django_db

USAGE = "/admin/llmchat/usagerecord/usage/"
EXPORT = "/admin/llmchat/usagerecord/export/"


def spend(owner: User | None, days_ago: int = 0, **fields: Any) -> UsageRecord:
    """A row of the ledger, of some days ago."""
    values: dict[str, Any] = {
        "generation_id": UsageRecord.objects.count() + 1,
        "owner": owner,
        "door": "web",
        "provider": "default",
        "model": "tiny",
        "attempt": 1,
        "status": "complete",
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "cost": Decimal("0.25"),
        "first_token_ms": 300,
        "total_ms": 1300,
    }
    row = UsageRecord.objects.create(**values | fields)
    at = timezone.now() - datetime.timedelta(days=days_ago)
    # Rows are only ever added: so that one can be old, past the model.
    with connection.cursor() as cursor:
        value = connection.ops.adapt_datetimefield_value(at)
        cursor.execute("UPDATE llmchat_usagerecord SET at = %s WHERE id = %s", [value, row.pk])
    return row


def figures(client: Client, **query: str) -> dict[str, str]:
    """The facts at the head of the page."""
    page = client.get(USAGE, query).context
    return {name: figure for name, figure, _note in page["facts"]}


@pytest.mark.slow
@pytest.mark.parametrize("summed", [False, True])
def test_the_figures_are_those_of_the_ledger_summed_or_not(lister: Client, owner: User, summed: bool) -> None:
    spend(owner)
    spend(owner, 3, cost=Decimal("1.5"), model="large")
    spend(None, 3, attempt=2, status="error", error_code="upstream_timeout", first_token_ms=None, cost=None)
    spend(owner, 400)
    if summed:
        assert rollup.catch_up() >= 399
    found = figures(lister)
    assert (found["Answers"], found["Tokens read"], found["Tokens written"]) == ("2", "300", "150")
    assert (found["Cost"], found["Failed attempts"]) == ("1.7500", "1")
    assert found["First token, half within"] == "0.3 s"
    page = lister.get(USAGE).context
    assert [(line["name"], line["cost"]) for line in page["models"]] == [
        ("default/large", "1.5000"),
        ("default/tiny", "0.2500"),
    ]
    assert [(line["name"], line["answers"]) for line in page["owners"]] == [("grace", "2"), ("Guest", "0")]
    assert page["errors"] == [("upstream_timeout", 1)]


@pytest.mark.slow
def test_a_span_of_months_is_read_as_months_and_days(lister: Client, owner: User) -> None:
    for days_ago in range(0, 200, 5):
        spend(owner, days_ago)
    rollup.catch_up()
    today = timezone.localdate()
    for days in (1, 30, 77, 150, 366):
        since = today - datetime.timedelta(days=days - 1)
        lines = lister.get(USAGE, {"since": since.isoformat()}).context["owners"]
        expected = len([days_ago for days_ago in range(0, 200, 5) if days_ago < days])
        assert lines[0]["answers"] == str(expected)


def test_a_day_is_summed_once_and_not_before_it_is_over(owner: User) -> None:
    spend(owner)
    assert rollup.due() is None
    spend(owner, 2)
    assert rollup.catch_up() == 2
    day = timezone.localdate() - datetime.timedelta(days=2)
    assert rollup.store(day, rollup.compute(day)) is False
    assert rollup.catch_up() == 0
    assert rollup.rebuild() == 2


def test_it_is_narrowed_to_a_user_a_model_or_a_group(lister: Client, owner: User) -> None:
    other = User.objects.create_user("ada")
    group = Group.objects.create(name="editors & co")
    owner.groups.add(group)
    spend(owner, 1)
    spend(owner, 0, model="large")
    spend(other, 1)
    rollup.catch_up()
    assert figures(lister, user="grace")["Answers"] == "2"
    assert figures(lister, owner=str(owner.pk), model="default/large")["Answers"] == "1"
    assert figures(lister, model="default/tiny")["Answers"] == "2"
    assert figures(lister, group=group.name)["Answers"] == "2"
    lines = lister.get(USAGE).context["groups"]
    assert [(line["name"], line["answers"]) for line in lines] == [("editors & co", "2")]


def test_a_deleted_user_keeps_their_line(lister: Client, owner: User) -> None:
    key = owner.pk
    spend(owner, 1)
    spend(owner)
    owner.delete()
    rollup.catch_up()
    page = lister.get(USAGE)
    assert [line["name"] for line in page.context["owners"]] == [f"deleted user {key}"]
    assert figures(lister, owner=str(key))["Answers"] == "2"
    assert f"deleted user {key}" in lister.get("/admin/llmchat/usagerecord/").text
    assert lister.get(EXPORT, {"of": "records"}).status_code == 200


def test_what_has_no_price_or_was_guessed_is_explained(lister: Client, owner: User) -> None:
    spend(owner, cost=None, estimated=True)
    spend(owner, cost=Decimal(0))
    page = lister.get(USAGE).text
    assert "1 requests have no price: they are not in it." in page
    assert "of 1 requests guessed: their providers sent no figures." in page
    assert figures(lister)["Cost"] == "0.0000"


def test_a_model_that_vanished_keeps_its_line_and_an_unknown_one_has_none(
    lister: Client, owner: User
) -> None:
    spend(owner, provider="gone", model="gone/older <b>")
    page = lister.get(USAGE).text
    assert "gone/gone/older &lt;b&gt;" in page
    assert "Nothing in these days." in lister.get(USAGE, {"model": "never/was"}).text


@pytest.mark.parametrize(
    "query",
    [
        {"since": "soon"},
        {"until": "2026-02-30"},
        {"since": "2026-05-01", "until": "2026-01-01"},
        {"since": "1971-01-01"},
        {"until": "8999-01-01"},
        {"user": "nobody"},
        {"owner": "x" * 3000},
        {"owner": "9" * 40},
        {"group": "none"},
        {"model": "//"},
    ],
)
def test_bad_input_is_explained_and_left_out(lister: Client, owner: User, query: dict[str, str]) -> None:
    spend(owner)
    response = lister.get(USAGE, query)
    assert response.status_code == 200
    days = response.context["wanted"]
    assert (days.until - days.since).days <= 366


def test_the_page_takes_no_more_queries_for_many(lister: Client, owner: User) -> None:
    Group.objects.create(name="editors").user_set.add(owner)
    counts = []
    for wanted in (1, 60):
        while (count := UsageRecord.objects.count()) < wanted:
            spend(User.objects.create_user(f"user {count}"), count % 40, model=f"model {count}")
        rollup.catch_up()
        with CaptureQueriesContext(connection) as captured:
            assert lister.get(USAGE).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 12


def rows_of(client: Client, **query: str) -> list[dict[str, str]]:
    response = client.get(EXPORT, {"as": "csv", **query})
    assert response["Content-Disposition"].startswith('attachment; filename="usage-')
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


def test_exports_hold_the_figures_and_are_recorded(lister: Client, owner: User) -> None:
    spend(owner, 1)
    spend(owner, cost=None)
    (day, today) = rows_of(lister, of="days")
    assert (day["answers"], Decimal(day["cost"]), today["unpriced"]) == ("1", Decimal("0.25"), "1")
    assert rows_of(lister, of="models")[0]["model"] == "tiny"
    assert rows_of(lister, of="users")[0]["owner"] == "grace"
    records = rows_of(lister, of="records")
    assert [row["cost"] for row in records] == ["0.250000000", ""]
    assert records[0]["owner"] == "grace"
    answer = lister.get(EXPORT, {"as": "json", "of": "records"})
    found = json.loads(b"".join(answer.streaming_content))  # type: ignore[attr-defined]
    assert found[0]["prompt_tokens"] == 100
    actions = ContentAccess.objects.filter(action="usage").values_list("what", flat=True)
    assert [what.split()[:2] for what in actions.order_by("pk")] == [
        ["days", "csv"],
        ["models", "csv"],
        ["users", "csv"],
        ["records", "csv"],
        ["records", "json"],
    ]


@pytest.mark.parametrize("summed", [False, True])
def test_the_export_by_user_has_every_user(lister: Client, summed: bool) -> None:
    group = Group.objects.create(name="editors")
    for number in range(120):
        user = User.objects.create_user(f"user {number}")
        group.user_set.add(user)
        spend(user, number % 3, cost=Decimal(number))
    spend(None, 1, cost=None)
    if summed:
        rollup.catch_up()
    names = [f"user {number}" for number in reversed(range(120))]
    everybody = rows_of(lister, of="users")
    assert [row["owner"] for row in everybody[:119]] == names[:119]
    assert {row["owner"] for row in everybody[119:]} == {"user 0", "Guest"}
    assert [row["owner"] for row in rows_of(lister, of="users", group="editors")] == names
    assert len(lister.get(USAGE).context["owners"]) == 20


def test_the_export_by_user_names_those_who_used_the_model(lister: Client, owner: User) -> None:
    ada = User.objects.create_user("ada")
    Group.objects.create(name="editors").user_set.add(ada)
    spend(owner, 1, model="large", cost=Decimal(2))
    spend(owner, 1)
    spend(ada, model="large", cost=Decimal(1))
    spend(None, model="large")
    rollup.catch_up()

    def found(**query: str) -> list[tuple[str, str, str]]:
        rows = rows_of(lister, of="users", model="default/large", **query)
        return [(row["owner"], row["owner_id"], row["answers"]) for row in rows]

    everybody = [("grace", str(owner.pk), "1"), ("ada", str(ada.pk), "1"), ("Guest", "", "1")]
    assert found() == everybody
    assert found(user="ada") == everybody[1:2]
    assert found(group="editors") == everybody[1:2]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1"])
def test_no_text_is_a_formula(lister: Client, name: str) -> None:
    spend(User.objects.create(username=name), model=name)
    for of, column in (("models", "model"), ("users", "owner"), ("records", "owner"), ("records", "model")):
        assert rows_of(lister, of=of)[0][column] == f"'{name}"


@pytest.mark.parametrize("query", [{"as": "xls"}, {"of": "texts"}, {"as": "", "of": ""}])
def test_an_export_that_is_none_is_refused(lister: Client, query: dict[str, str]) -> None:
    assert lister.get(EXPORT, query).status_code == 400
    assert not ContentAccess.objects.exists()


def test_who_may_not_see_usage_gets_none(owner: User) -> None:
    client = client_of("staff")
    assert client.get(USAGE).status_code == 403
    assert client.get(EXPORT).status_code == 403
