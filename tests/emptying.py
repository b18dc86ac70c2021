"""A quicker end of tests that commit: rows are deleted where Django would truncate and set up anew.

`flush` truncates every table, which PostgreSQL takes long for, and then makes all content types and
permissions again, which no test changes. The rest is as with Django: rows go, sequences go on.
"""

from __future__ import annotations

from django.db import connections, transaction
from django.test import TransactionTestCase

KEPT = {"django_content_type", "auth_permission"}


def install() -> None:
    """From now on a `TransactionTestCase`, and what pytest-django makes of one, ends that way."""
    TransactionTestCase._fixture_teardown = _delete_rows  # type: ignore[attr-defined]


def _delete_rows(case: TransactionTestCase) -> None:
    for name in case._databases_names(include_mirrors=False):  # type: ignore[attr-defined]
        connection = connections[name]
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        quoted = [connection.ops.quote_name(table) for table in sorted(set(tables) - KEPT)]
        # References are checked when the transaction ends.
        with transaction.atomic(using=name), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("; ".join(f"DELETE FROM {table}" for table in quoted))
            else:
                for table in quoted:
                    cursor.execute(f"DELETE FROM {table}")
