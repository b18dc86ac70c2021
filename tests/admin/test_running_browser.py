"""The console in a real browser: it keeps itself up to date and stops what it is told to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from chat.models import Generation, Status
from tests import chromium

from .conftest import Aside, begin, client_of, converse

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SIGNED_IN = settings.SESSION_COOKIE_NAME


@pytest.fixture
def page(chromium_path: str, live_server: LiveServer, aside: Aside) -> Iterator[Page]:
    """The console, as staff who may stop. The browser waits for nothing: its clock stands still."""
    cookie = aside(client_of, "lister").cookies[SIGNED_IN].value
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright, chromium_path)
        context = browser.new_context()
        context.add_cookies([{"name": SIGNED_IN, "value": cookie, "url": live_server.url}])
        page = context.new_page()
        page.clock.install()
        page.goto(f"{live_server.url}/admin/llmchat/generation/running/")
        yield page
        browser.close()


def refresh(page: Page) -> None:
    """Lets so much of the browser's time pass that it asks for the rows again."""
    with page.expect_response("**/running/?rows=*"):
        page.clock.fast_forward(60_000)


def answer() -> Generation:
    owner = User.objects.filter(username="grace").first() or User.objects.create_user("grace")
    return begin(converse(owner, ("one", "two")), "a")


def test_the_console_follows_what_happens_and_keeps_what_is_ticked(page: Page, aside: Aside) -> None:
    expect(page.locator(".llmchat-count")).to_have_text("Nothing is running or waiting.")
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    first = aside(answer)
    refresh(page)
    row = page.locator(f'tr[data-generation="{first.pk}"]')
    expect(row).to_contain_text("grace")
    row.locator("input").check()
    second = aside(answer)
    refresh(page)
    expect(page.locator(f'tr[data-generation="{second.pk}"]')).to_be_visible()
    expect(row.locator("input")).to_be_checked()
    expect(row.locator("input")).to_be_focused()
    expect(page.locator(f'tr[data-generation="{second.pk}"] input')).not_to_be_checked()
    expect(page.locator(".llmchat-count")).to_have_text("2 generations are running or waiting.")
    aside(Generation.objects.filter(pk=first.pk).update, status=Status.COMPLETE)
    refresh(page)
    expect(row).to_have_count(0)
    assert complaints == []


def test_one_or_all_are_stopped(page: Page, aside: Aside) -> None:
    one, two, three = (aside(answer) for _ in range(3))
    refresh(page)
    page.locator(f'tr[data-generation="{two.pk}"] button').click()
    expect(page.locator(".messagelist")).to_contain_text("1 generation is being stopped.")
    expect(page.locator(f'tr[data-generation="{two.pk}"]')).to_contain_text("stopping…")
    page.locator(".llmchat-all").check()
    page.get_by_role("button", name="Stop selected").click()
    expect(page.locator(".messagelist")).to_contain_text("3 generations are being stopped.")
    live = Generation.objects.filter(pk__in=[one.pk, two.pk, three.pk])
    assert aside(lambda: set(live.values_list("stop_requested", flat=True))) == {"admin"}


def test_a_list_that_cannot_be_refreshed_says_so(page: Page, aside: Aside) -> None:
    page.route("**/running/?rows=*", lambda route: route.fulfill(status=503))
    for _ in range(3):
        expect(page.locator(".llmchat-count")).to_have_text("Nothing is running or waiting.")
        refresh(page)
    expect(page.locator(".llmchat-count")).to_contain_text("no longer up to date")
    page.unroute_all()
    refresh(page)
    expect(page.locator(".llmchat-count")).to_have_text("Nothing is running or waiting.")
