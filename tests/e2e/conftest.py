from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from chat.testing.scripted_upstream import ScriptedUpstream
from tests import chromium
from tests.servers import SiteProcess

from .person import Person

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def upstream() -> Iterator[ScriptedUpstream]:
    """The provider of the shared site: a message that is a script is answered as it says."""
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def site(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    """One site for all tests that do not change it; each test brings its own people."""
    folder = tmp_path_factory.mktemp("site")
    with SiteProcess(
        folder,
        "daphne",
        OPENAI_BASE_URL=upstream.base_url,
        LLMCHAT_SIGNUP="open",
        LLMCHAT_COMMANDS_PER_MINUTE="1000",
    ) as site:
        yield site


# Not for the whole session: Playwright runs once at a time, and others have a browser of their own.
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
    yield context
    context.close()


@pytest.fixture
def person(context: BrowserContext, site: SiteProcess) -> Iterator[Person]:
    """Somebody new, signed in, with the chat open. Their page must not have had any problem."""
    person = Person(context, site.base_url)
    person.enter(site)
    yield person
    assert person.problems == []
    assert person.strangers == []
