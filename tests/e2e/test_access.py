"""axe finds nothing, in any state, scheme or language; nothing is clipped, nothing scrolls to the side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.servers import SiteProcess

from .looks import clipped, sideways, violations
from .person import COMPOSER, Person

LONG: dict[str, Any] = {"count": 1000, "rate": 30}
RICH = """\
# Heading

A [link](https://example.org/) and `code`, **strong** and *weak*.

1. one
2. two
   - three

> quoted

```python
def feed(starter: Starter) -> Starter:
    return starter + 1  # a comment that is long enough to be wider than a narrow phone is
```

| a | b |
|---|--:|
| 1 | 2 |
"""


def empty(person: Person) -> None:
    expect(person.page.locator(".lc-greeting")).to_be_visible()


def answered(person: Person) -> None:
    person.ask(tokens=[RICH], reasoning=["I ", "think"])
    expect(person.answer.locator("table")).to_be_visible()
    person.page.wait_for_selector(".lc-send:not(.lc-running)")


def streaming(person: Person) -> None:
    person.ask(**LONG)
    person.wait_for_text(100)


def queued(person: Person) -> None:
    streaming(person)
    person.ask("and then?")
    expect(person.page.locator(".lc-queue li")).to_have_count(1)


def menu(person: Person) -> None:
    answered(person)
    person.page.locator(".lc-menu-button").click()
    expect(person.page.locator(".lc-menu")).to_be_visible()


def palette(person: Person) -> None:
    answered(person)
    person.page.keyboard.press("Control+K")
    expect(person.page.locator(".lc-palette")).to_be_visible()


def sheet(person: Person) -> None:
    person.page.keyboard.press("Control+/")
    expect(person.page.locator(".lc-sheet")).to_be_visible()


def tuner(person: Person) -> None:
    person.page.locator("[data-do=tune]").click()
    expect(person.page.locator(".lc-tuner")).to_be_visible()


def failed(person: Person) -> None:
    person.ask(status=500, body="{}")
    expect(person.page.locator(".lc-state-error")).to_be_visible()


def stopped(person: Person) -> None:
    streaming(person)
    person.page.keyboard.press("Escape")
    expect(person.page.locator(".lc-state-note")).to_be_visible()


def branches(person: Person) -> None:
    person.ask(tokens=["one"])
    expect(person.prose).to_have_text("one")
    person.answer.locator("[data-action=regenerate]").click()
    expect(person.answer.locator(".lc-branches")).to_be_visible()
    person.page.wait_for_selector(".lc-send:not(.lc-running)")


def editing(person: Person) -> None:
    answered(person)
    person.page.press(COMPOSER, "ArrowUp")
    expect(person.page.locator(".lc-edit")).to_be_visible()


def missing(person: Person) -> None:
    person.page.goto(f"{person.url}/c/11111111-1111-4111-8111-111111111111/")
    expect(person.page.locator(".lc-missing")).to_be_visible()


def refused(person: Person) -> None:
    person.write("long " * 40_000)
    person.page.press(COMPOSER, "Enter")
    expect(person.page.locator(".lc-notice")).to_be_visible()


def drawer(person: Person) -> None:
    person.page.set_viewport_size({"width": 390, "height": 844})
    person.page.locator(".lc-open-drawer").click()
    expect(person.page.locator(".lc-sidebar")).to_be_visible()


STATES: list[Callable[[Person], None]] = [
    empty,
    answered,
    streaming,
    queued,
    menu,
    palette,
    sheet,
    tuner,
    failed,
    stopped,
    branches,
    editing,
    missing,
    refused,
    drawer,
]


#: What the second scheme can change: a document is the same in both.
OF_COLOURS = ("color-contrast", "link-in-text-block")
SETTINGS = "/settings/"
OTHER_PAGES = ("/accounts/login/", "/accounts/signup/", "/nothing/here/", SETTINGS)


def visit(browser: Browser, site: SiteProcess, **options: Any) -> Person:
    """Somebody new in a browser of these properties."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    context.set_default_timeout(15_000)
    person = Person(context, site.base_url)
    person.enter(site)
    return person


@pytest.mark.slow
@pytest.mark.parametrize("locale", ["en", "ar"])
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_axe_finds_nothing_and_zoom_clips_nothing(
    browser: Browser, site: SiteProcess, state: Callable[[Person], None], locale: str
) -> None:
    person = visit(browser, site, locale=locale)
    page = person.page
    assert page.evaluate("() => document.documentElement.lang") == locale
    state(person)
    assert judged(page) == []
    # 200 and 400 per cent of zoom: a window of 1280 by 800 then has so many pixels of CSS.
    for width, height in ((640, 400), (320, 640)):
        page.set_viewport_size({"width": width, "height": height})
        assert sideways(page) <= 0
        assert clipped(page) == []
    assert person.problems == []
    person.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("locale", ["en", "ar"])
def test_axe_finds_nothing_on_the_other_pages(browser: Browser, site: SiteProcess, locale: str) -> None:
    person = Person(browser.new_context(locale=locale), site.base_url)
    for path in OTHER_PAGES:
        if path == SETTINGS:
            person.enter(site)
        person.page.goto(site.base_url + path)
        assert judged(person.page) == [], path
    person.context.close()


def judged(page: Page) -> list[str]:
    """What axe finds in the light, and of the colours in the dark."""
    page.emulate_media(color_scheme="light")
    found = violations(page)
    page.emulate_media(color_scheme="dark")
    return found + violations(page, rules=OF_COLOURS)


@pytest.mark.slow
@pytest.mark.parametrize("locale", ["en", "ar"])
def test_axe_finds_nothing_in_what_opens_over_a_conversation(
    browser: Browser, site: SiteProcess, locale: str
) -> None:
    person = visit(browser, site, locale=locale)
    page = person.page
    answered(person)
    actions, line = person.answer.locator(".lc-actions"), page.locator(".lc-list li").first

    actions.locator("[data-action=menu]").click()
    expect(page.locator(".lc-menu")).to_be_visible()
    assert judged(page) == []
    page.locator(".lc-menu button").first.click()
    expect(page.locator(".lc-picker")).to_be_visible()
    assert judged(page) == []
    page.keyboard.press("Escape")

    actions.locator("[data-action=menu]").click()
    page.locator(".lc-menu button").last.click()
    expect(page.locator(".lc-details")).to_be_visible()
    assert judged(page) == []
    page.keyboard.press("Escape")

    actions.locator("[data-action=thumb-down]").click()
    expect(page.locator(".lc-feedback")).to_be_visible()
    page.locator(".lc-feedback label").first.click()
    assert judged(page) == []
    page.keyboard.press("Escape")

    line.hover()
    line.get_by_role("button").click()
    page.locator(".lc-menu button").first.click()
    expect(page.locator(".lc-rename")).to_be_visible()
    assert judged(page) == []
    page.keyboard.press("Escape")

    page.get_by_role("searchbox").fill("feed")
    expect(page.locator("llmchat-search mark").first).to_be_visible()
    assert judged(page) == []
    page.get_by_role("searchbox").fill("nowhere")
    expect(page.locator("llmchat-search")).to_contain_text("nowhere")
    assert judged(page) == []
    page.keyboard.press("Escape")

    page.locator("[data-do=archived]").click()
    expect(page.locator(".lc-list-head")).to_be_visible()
    assert judged(page) == []
    page.locator(".lc-list-head button").click()

    line.hover()
    line.get_by_role("button").click()
    page.locator(".lc-menu button").last.click()
    expect(person.notices.get_by_role("button").first).to_be_visible()
    assert judged(page) == []
    assert person.problems == []
    person.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("locale", ["en", "ar"])
def test_axe_finds_nothing_on_the_settings_in_use(browser: Browser, site: SiteProcess, locale: str) -> None:
    person = visit(browser, site, locale=locale)
    page = person.page
    answered(person)
    page.goto(site.base_url + SETTINGS)
    expect(page.locator(".lc-usage tbody tr")).to_have_count(1)
    page.fill(".lc-new-key input", "My notebook")
    page.click(".lc-new-key button")
    expect(page.locator(".lc-fresh-key code")).to_be_visible()
    assert judged(page) == []
    for width, height in ((640, 400), (320, 640)):
        page.set_viewport_size({"width": width, "height": height})
        assert sideways(page) <= 0
        assert clipped(page) == []
    person.context.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "state", [queued, palette, tuner, failed, branches], ids=lambda state: state.__name__
)
def test_on_a_small_phone_nothing_scrolls_to_the_side_and_nothing_is_clipped(
    browser: Browser, site: SiteProcess, state: Callable[[Person], None]
) -> None:
    small = {"width": 320, "height": 640}
    person = visit(browser, site, viewport=small, locale="ar", has_touch=True, is_mobile=True)
    state(person)
    assert sideways(person.page) <= 0
    assert clipped(person.page) == []
    person.context.close()


@pytest.mark.parametrize("locale", ["en", "ar"])
def test_text_of_twice_the_size_is_not_clipped(browser: Browser, site: SiteProcess, locale: str) -> None:
    person = visit(browser, site, locale=locale, reduced_motion="reduce")
    answered(person)
    person.page.evaluate("() => { document.documentElement.style.fontSize = '200%' }")
    assert sideways(person.page) <= 0
    assert clipped(person.page) == []
    person.context.close()


def test_arabic_is_laid_out_from_the_right(browser: Browser, site: SiteProcess) -> None:
    person = visit(browser, site, locale="ar")
    answered(person)
    page = person.page
    assert page.evaluate("() => document.documentElement.dir") == "rtl"
    sidebar = page.locator(".lc-sidebar").bounding_box()
    bubble = page.locator(".lc-bubble").bounding_box()
    send = page.locator(".lc-send").bounding_box()
    tune = page.locator(".lc-tune").bounding_box()
    assert sidebar is not None
    assert bubble is not None
    assert send is not None
    assert tune is not None
    assert sidebar["x"] > 900
    assert bubble["x"] < 500
    assert send["x"] < tune["x"]
    person.context.close()


def test_with_reduced_motion_nothing_moves(browser: Browser, site: SiteProcess) -> None:
    person = visit(browser, site, locale="en", reduced_motion="reduce")
    streaming(person)
    assert person.page.evaluate("() => document.getAnimations().length") == 0
    person.context.close()
