from __future__ import annotations

import os

import pytest

from . import chromium

pytest_plugins = ["chat.testing.fixtures", "tests.sitefixtures"]

DATABASE_FIXTURES = {"db", "transactional_db", "live_server", "django_db_setup"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what uses the database: that part of the suite runs on PostgreSQL as well."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("django_db") or fixtures & DATABASE_FIXTURES:
            item.add_marker("database")


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
