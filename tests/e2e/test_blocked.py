"""Where a proxy lets no WebSocket through the chat works all the same, and nobody is told of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.servers import SiteProcess

from .person import COMPOSER, Person, tokens
from .proxy import Proxy


@pytest.fixture
def proxy(site: SiteProcess) -> Iterator[Proxy]:
    with Proxy(site.port) as proxy:
        yield proxy


@pytest.fixture
def blocked(context: BrowserContext, site: SiteProcess, proxy: Proxy) -> Iterator[Person]:
    person = Person(context, proxy.base_url)
    person.enter(site)
    yield person
    assert person.problems == []


def test_an_answer_arrives_whole_and_can_be_stopped(blocked: Person, proxy: Proxy) -> None:
    blocked.ask(count=150, rate=40, pattern="wörd{n} 👍 ")
    steps = {blocked.wait_for_text(length) for length in (1, 300, 600)}
    blocked.expect_done()
    whole = "".join(f"wörd{n} 👍 " for n in range(150)).strip()
    assert blocked.text() == whole
    assert all(whole.startswith(step) for step in steps)
    assert proxy.refused >= 3
    expect(blocked.notices).to_be_empty()
    blocked.ask(count=1000, rate=50)
    blocked.wait_for_text(100)
    blocked.page.keyboard.press("Escape")
    expect(blocked.state).to_contain_text("Stopped.")
    expect(blocked.page.locator(".lc-user")).to_have_count(2)


def test_a_reload_and_a_second_tab_show_the_same(blocked: Person) -> None:
    blocked.ask(count=200, rate=25)
    before = blocked.wait_for_text(100)
    blocked.page.reload()
    assert blocked.wait_for_text(200).startswith(before)
    other = blocked.other_tab(blocked.page.url.removeprefix(blocked.url))
    other.wait_for_text(300)
    for tab in (blocked, other):
        tab.expect_done()
        assert tab.text() == tokens(200)
    other.ask(tokens=["from the ", "other tab"])
    expect(blocked.prose).to_have_text("from the other tab")


def test_the_socket_takes_over_as_soon_as_one_gets_through(blocked: Person, proxy: Proxy) -> None:
    blocked.ask(count=400, rate=20)
    blocked.wait_for_text(100)
    proxy.sockets = True
    with blocked.page.expect_websocket(timeout=40_000) as opened:
        pass
    opened.value.wait_for_event("framereceived")
    requests: list[str] = []
    blocked.page.on("request", lambda request: requests.append(request.url))
    shown = blocked.text()
    blocked.wait_for_text(len(shown) + 200)
    assert [address for address in requests if "/api/watch" in address] == []
    blocked.page.keyboard.press("Escape")
    expect(blocked.state).to_contain_text("Stopped.")
    assert tokens(400).startswith(blocked.text())


def test_a_message_written_while_the_line_is_dead_goes_out_once(blocked: Person, proxy: Proxy) -> None:
    blocked.ask(tokens=["before"])
    blocked.expect_done()
    proxy.close()
    expect(blocked.notices).to_contain_text("No connection.", timeout=30_000)
    blocked.ask(tokens=["after"])
    expect(blocked.state).to_contain_text("Sending…")
    proxy.reopen()
    blocked.page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(blocked.prose).to_have_text("after", timeout=40_000)
    blocked.expect_done()
    expect(blocked.notices).to_be_empty()
    expect(blocked.page.locator(".lc-user")).to_have_count(2)
    blocked.page.reload()
    expect(blocked.page.locator(".lc-user")).to_have_count(2)
    expect(blocked.page.locator(COMPOSER)).to_have_value("")
