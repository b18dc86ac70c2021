from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import SyncToAsync
from django.utils import translation

from . import chromium, emptying

pytest_plugins = ["chat.testing.fixtures", "tests.sitefixtures"]

DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "django_db_setup"}


#: Where the long tests are. A run begins with them, so that no worker sits over one at its end.
LONG = (
    *("laws/test_processes.py", "host/", "test_long_conversation.py", "e2e/", "tutorial/", "site/", "js/"),
    *("benchmarks/", "laws/", "admin/test_walk.py", "admin/test_scale.py"),
)
HERE = Path(__file__).parent


def pytest_configure() -> None:
    """A shell's background job ignores Ctrl-C, and so would all sites that tests start and end with it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what uses the database (that part of the suite runs on PostgreSQL as well), and shares out.

    A worker of pytest-xdist gets modules as a whole, for the sake of their fixtures, but the processes
    one by one, as each takes long, and the host project at once, as its environment does.
    """
    items.sort(key=lambda item: _turn(_place(item)))
    for item in items:
        place = _place(item)
        group = item.nodeid if place == LONG[0] else "host" if place.startswith("host/") else place
        item.add_marker(pytest.mark.xdist_group(group))
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("django_db") or fixtures & DATABASE_FIXTURES:
            item.add_marker("database")


def _place(item: pytest.Item) -> str:
    return item.path.relative_to(HERE).as_posix() if HERE in item.path.parents else ""


def _turn(place: str) -> int:
    return next((turn for turn, start in enumerate(LONG) if place.startswith(start)), len(LONG))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database, emptied after each test; before it is dropped, nobody may be at it any more.

    The one thread that sync code of all tests shares keeps its connection. Whoever else has one is
    named with what it asked last, which PostgreSQL does not say when it refuses to drop.
    """
    emptying.install()
    yield
    from django.db import connection, connections

    with django_db_blocker.unblock():
        SyncToAsync.single_thread_executor.submit(connections.close_all).result(30)
        if connection.vendor != "postgresql":
            return
        connection.close_pool()  # type: ignore[attr-defined]  # what nobody has in use at the moment
        deadline = time.monotonic() + 10
        while left := _others(connection):
            assert time.monotonic() < deadline, f"still at the test database: {left}"
            time.sleep(0.1)


def _others(connection: Any) -> list[Any]:
    with connection._nodb_cursor() as cursor:
        cursor.execute(
            "SELECT state, state_change, query FROM pg_stat_activity WHERE datname = %s",
            [connection.settings_dict["NAME"]],
        )
        return list(cursor.fetchall())


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """A request of Django's test client leaves its language to what comes after it in the thread."""
    yield
    translation.deactivate()


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser of the `browser` tests. Where none can be had they are skipped, but never on CI."""
    path = chromium.find()
    if path is None:
        message = "NO BROWSER: neither the system nor Playwright has a Chromium that starts here"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path
