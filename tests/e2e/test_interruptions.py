"""Whatever comes between, on a desktop and a phone: nothing is lost or doubled, the place is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.servers import SiteProcess

from .person import COMPOSER, Person
from .proxy import Proxy
from .test_screenshots import DESKTOP, PHONE

COUNT = 260
SCRIPT: dict[str, Any] = {"count": COUNT, "rate": 26, "pattern": "line{n}\n\n"}
WHOLE = "".join(f"line{n}" for n in range(COUNT))
#: Seconds that an interruption lasts.
AWAY = 5_000


@pytest.fixture
def proxy(site: SiteProcess) -> Iterator[Proxy]:
    with Proxy(site.port) as proxy:
        proxy.sockets = True
        yield proxy


#: The first line that the reader sees whole, and where it is on the screen.
PLACE = """() => {
  const edge = document.querySelector("llmchat-thread").getBoundingClientRect().top;
  for (const line of document.querySelectorAll(".lc-prose p")) {
    const {top} = line.getBoundingClientRect();
    if (top >= edge) return [line.textContent, top];
  }
}"""


def reload(person: Person, proxy: Proxy) -> Person:
    person.page.reload()
    return person


FRAMES = """async () => {
  for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
}"""


def relaid(person: Person, proxy: Proxy) -> Person:
    """A browser may lay a page out for a mouse before it lets it go: all that is pressed is smaller then."""
    session = person.context.new_cdp_session(person.page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    person.page.evaluate(FRAMES)
    person.page.reload()
    return person


def offline(person: Person, proxy: Proxy) -> Person:
    proxy.close()
    person.page.wait_for_timeout(AWAY)
    proxy.reopen()
    person.page.evaluate("() => window.dispatchEvent(new Event('online'))")
    return person


def frozen(person: Person, proxy: Proxy) -> Person:
    session = person.context.new_cdp_session(person.page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    person.page.wait_for_timeout(AWAY)
    session.send("Page.setWebLifecycleState", {"state": "active"})
    return person


def blocked(person: Person, proxy: Proxy) -> Person:
    """From now on a proxy lets no WebSocket through."""
    proxy.sockets = False
    proxy.close()
    proxy.reopen()
    return person


def second_tab(person: Person, proxy: Proxy) -> Person:
    other = person.other_tab(person.page.url.removeprefix(person.url))
    other.page.wait_for_selector(COMPOSER)
    return other


def shown(person: Person) -> str:
    return "".join((person.prose.text_content() or "").split()) if person.prose.count() else ""


@pytest.mark.slow
@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize(
    "interrupt",
    [reload, relaid, offline, frozen, blocked, second_tab],
    ids=lambda function: function.__name__,
)
def test_nothing_is_lost_or_doubled_and_the_place_is_kept(
    browser: Browser,
    site: SiteProcess,
    proxy: Proxy,
    interrupt: Callable[[Person, Proxy], Person],
    device: dict[str, Any],
) -> None:
    context = browser.new_context(**device, locale="en")
    context.set_default_timeout(15_000)
    person = Person(context, proxy.base_url)
    person.enter(site)
    person.ask(**SCRIPT)
    person.wait_for_text(450)
    thread = person.page.locator("llmchat-thread")
    # The reader has gone back to read.
    thread.evaluate("thread => thread.scrollTo(0, 120)")
    expect(person.page.locator(".lc-below")).to_be_visible()
    person.page.wait_for_timeout(400)
    place = person.page.evaluate(PLACE)
    before = shown(person)
    assert WHOLE.startswith(before)

    reader = interrupt(person, proxy)
    reader.page.wait_for_function(
        "length => document.querySelector('.lc-assistant .lc-prose')?.textContent.length > length",
        arg=len(before),
        timeout=40_000,
    )
    assert WHOLE.startswith(shown(reader))
    reader.expect_done(timeout=40_000)
    assert shown(reader) == WHOLE
    expect(reader.page.locator(".lc-user")).to_have_count(1)
    expect(reader.answers).to_have_count(1)
    expect(reader.notices).to_be_empty()
    if reader is person:
        line, top = person.page.evaluate(PLACE)
        assert line == place[0]
        assert abs(top - place[1]) <= 4
    assert person.problems == []
    context.close()
