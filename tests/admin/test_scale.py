"""What keeps the admin quick with a million messages, shown with a few thousand: queries and their plans.

The times themselves are measured by `make scale`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks.scale import MAX_QUERIES
from benchmarks.scale.build import Size, build
from benchmarks.scale.pages import pages, row_counts
from chat.models import Conversation, Message, Role

from .conftest import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

SIZE = Size(users=50, conversations=300, messages=20, feedback=150, accesses=200)
#: Tables that may have a million rows, and are never read from end to end.
BIG = r"llmchat_(?:message|generation|usagerecord|searchentry)"


@pytest.fixture
def operator(db: None) -> Iterator[Client]:
    build(SIZE)
    if connection.vendor == "postgresql":
        # With so few rows reading them all is quicker; what counts is whether it could do otherwise.
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")
    yield client_of("superuser")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("RESET enable_seqscan")


def reads_all(sql: str) -> list[str]:
    """The big tables that the database would read from end to end for `sql`."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("EXPLAIN " + sql.replace("%", "%%"))
            plan = "\n".join(line for (line,) in cursor.fetchall())
            return re.findall(rf"Seq Scan on ({BIG})\b", plan)
        cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"))
        plan = "\n".join(row[3] for row in cursor.fetchall())
        if " WHERE " not in sql and " LIMIT " in sql:
            # In the order of the keys until the page is full.
            return []
        return re.findall(rf"SCAN ({BIG})\b(?! USING)", plan)


def test_every_page_takes_few_queries_and_none_reads_a_table_from_end_to_end(operator: Client) -> None:
    for name, address in pages().items():
        # So many pages are only there with a million messages.
        address = address.replace("p=100", "p=2")
        with CaptureQueriesContext(connection) as captured:
            response = operator.get(address)
        assert response.status_code == 200, name
        assert len(captured) <= MAX_QUERIES, name
        for query in captured:
            if query["sql"].startswith("SELECT"):
                assert reads_all(query["sql"]) == [], f"{name}: {query['sql']}"


def test_a_list_takes_as_many_queries_for_a_hundred_rows_as_for_ten(operator: Client) -> None:
    counts = row_counts(operator)
    assert len(counts) == 5
    for name, (ten, hundred) in counts.items():
        assert ten == hundred <= MAX_QUERIES, name


def test_a_conversation_of_ten_thousand_messages_is_counted_and_deleted() -> None:
    long = Conversation.objects.create(owner=User.objects.create_user("grace"), title="long")
    other = Conversation.objects.create(session_key="abc")
    Message.objects.create(conversation=other, role=Role.USER, content="x", position=0)
    parent = None
    chain = [Message(conversation=long, role=Role.USER, content="words", position=n) for n in range(10_000)]
    for message in chain:
        message.parent, parent = parent, message
    Message.objects.bulk_create(chain)
    client = client_of("superuser")
    address = f"/admin/llmchat/conversation/{long.pk}/"
    with CaptureQueriesContext(connection) as captured:
        page = client.get(f"{address}change/?message=5000")
    assert len(captured) <= MAX_QUERIES
    assert len(page.content) < 400_000
    with CaptureQueriesContext(connection) as captured:
        page = client.get(f"{address}delete/")
    assert len(captured) <= 2 * MAX_QUERIES
    assert "10000" in page.text.replace(",", "")
    assert len(page.content) < 50_000
    page = client.post(f"{address}delete/", {"post": "yes"}, follow=True)
    assert "deleted successfully" in page.text
    assert Message.objects.count() == 1
