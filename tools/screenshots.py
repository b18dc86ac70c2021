"""Photographs the site for the README: `make screenshots` writes docs/images/.

A site of its own on a temporary database, with a provider that says what is written below.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream
from tests import chromium
from tests.servers import SiteProcess

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
DESKTOP, PHONE = (1280, 800), (390, 844)
EARLIER = {
    "Which trains go to Trieste on Sunday?": "Ask the railway: I have no timetable.",
    "Translate “Feierabend” in one line": "The end of the working day, and the evening that belongs to you.",
    "Plan a week of lunches for four": "Lentils, leeks, eggs, rice, soup, noodles, and on Sunday fish.",
}
QUESTION = "Why does sourdough rise without yeast from a packet?"
ANSWER = """\
It does rise with yeast: with **wild** yeast, which lives in the flour and in your kitchen.

1. The yeast turns sugar into carbon dioxide and alcohol.
2. Lactic bacteria beside it make the acid, and the taste.
3. Gluten, stretched by folding, holds the gas in.

```python
def feed(starter: Starter) -> Starter:
    kept = starter.take(grams=20)
    return kept + flour(grams=100) + water(grams=100)
```

| | packet | starter |
|---|---|---|
| rises in | 1 to 2 hours | 4 to 12 hours |
| keeps for | a day | several days |
"""


def pieces(text: str) -> list[str]:
    return re.findall(r"\S+\s*", text)


def open_page(browser: Browser, site: SiteProcess, size: tuple[int, int], *, dark: bool, path: str) -> Page:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        device_scale_factor=2 if size is PHONE else 1,
        locale="en",
    )
    session = site.sign_in("ada", is_staff=True, is_superuser=True)
    context.add_cookies([{"name": "sessionid", "value": session, "url": site.base_url}])
    page = context.new_page()
    page.goto(site.base_url + path)
    return page


def ask(page: Page, question: str) -> None:
    box = page.locator("llmchat-app:defined llmchat-composer textarea")
    box.fill(question)
    box.press("Enter")


def wait_until_done(page: Page) -> None:
    expect(page.get_by_role("button", name="Send", exact=True).last).to_be_visible(timeout=30_000)


def desktop(browser: Browser, site: SiteProcess, upstream: ScriptedUpstream) -> str:
    """A light desktop with an answer; returns the conversation's id."""
    page = open_page(browser, site, DESKTOP, dark=False, path="/")
    for question, answer in EARLIER.items():
        upstream.script(Script(tokens=pieces(answer)))
        ask(page, question)
        expect(page.locator(".lc-assistant").last).to_contain_text(answer)
        wait_until_done(page)
        page.get_by_role("button", name="New chat").or_(page.get_by_role("link", name="New chat")).click()
        expect(page.locator(".lc-assistant")).to_have_count(0)
    upstream.script(Script(tokens=pieces(ANSWER)))
    ask(page, QUESTION)
    expect(page.locator(".lc-assistant").last).to_contain_text("several days")
    wait_until_done(page)
    page.mouse.move(DESKTOP[0] / 2, DESKTOP[1] / 2)
    page.screenshot(path=IMAGES / "desktop-light.png")
    found = re.search(r"/c/([0-9a-f-]{36})/", page.url)
    assert found is not None, page.url
    return found[1]


def phone(browser: Browser, site: SiteProcess, upstream: ScriptedUpstream) -> None:
    """A dark phone in the middle of an answer."""
    tokens = pieces(ANSWER)
    middle = tokens.index("kept ") + 1
    upstream.script(Script(tokens=tokens, pauses={middle: 600}, rate=100))
    page = open_page(browser, site, PHONE, dark=True, path="/")
    ask(page, QUESTION)
    expect(page.locator(".lc-assistant").last).to_contain_text("kept", timeout=30_000)
    page.screenshot(path=IMAGES / "phone-dark.png")


def admin(browser: Browser, site: SiteProcess, conversation: str) -> None:
    """The same conversation as staff reads it."""
    path = f"/admin/llmchat/conversation/{conversation}/change/"
    page = open_page(browser, site, DESKTOP, dark=False, path=path)
    expect(page.get_by_text("several days").first).to_be_visible()
    page.screenshot(path=IMAGES / "admin-transcript.png")


def main() -> None:
    path = chromium.ensure()
    if path is None:
        sys.exit("There is no Chromium to photograph with.")
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        ScriptedUpstream() as upstream,
        SiteProcess(Path(folder), "daphne", OPENAI_BASE_URL=upstream.base_url) as site,
        sync_playwright() as playwright,
    ):
        browser = chromium.launch(playwright, path)
        conversation = desktop(browser, site, upstream)
        phone(browser, site, upstream)
        admin(browser, site, conversation)
        browser.close()


if __name__ == "__main__":
    main()
