from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests import chromium

from .hosts import BOOKSHOP, Host
from .venv import build_wheel, install

HERE = Path(__file__).parent
# A project of its own, with a suite of its own, which runs in its own environment.
collect_ignore = ["bookshop"]

REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`${event.effectiveDirective} forbids ${event.blockedURI}`));
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and "python" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build_wheel(settings.BASE_DIR, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which the wheel is installed, as a host would."""
    folder = tmp_path_factory.mktemp("host") / "venv"
    return install(wheel, folder, extras=["daphne", "postgres", "testing"], beside=["whitenoise"])


@pytest.fixture(scope="session")
def shop(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Host:
    """The bookshop before its doors open: migrated, its assets collected, its provider not yet there."""
    folder = tmp_path_factory.mktemp("host") / "bookshop"
    shutil.copytree(BOOKSHOP, folder)
    shop = Host(python, folder, ASSISTANT_URL="http://127.0.0.1:9/v1", ASSISTANT_KEY="sk-shop")
    shop.run("manage.py", "migrate")
    shop.run("manage.py", "collectstatic", "--noinput")
    return shop


@pytest.fixture(scope="package")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright, chromium_path)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en")
    context.set_default_timeout(15_000)
    context.add_init_script(REPORT_VIOLATIONS)
    yield context
    context.close()
