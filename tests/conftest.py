from __future__ import annotations

import os
from pathlib import Path

import pytest

from . import chromium

pytest_plugins = ["chat.testing.fixtures", "tests.sitefixtures"]

DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "django_db_setup"}


#: Where the long tests are. A run begins with them, so that no worker sits over one at its end.
LONG = ("laws/test_processes.py", "host/", "e2e/", "tutorial/", "site/", "js/", "benchmarks/", "laws/")
HERE = Path(__file__).parent


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
def chromium_path() -> str:
    """The browser of the `browser` tests. Where none can be had they are skipped, but never on CI."""
    path = chromium.find()
    if path is None:
        message = "NO BROWSER: neither the system nor Playwright has a Chromium that starts here"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path
