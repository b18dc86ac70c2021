"""Somebody at a browser: what a reader sees and does, in the page's own words."""

from __future__ import annotations

import itertools
import json
import re
import time
from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from playwright.sync_api import BrowserContext, Locator, Page, WebSocketRoute, expect

from tests.servers import SiteProcess

#: Of everybody here.
PASSWORD = "correct horse battery staple"
HASHED = PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1)
COMPOSER = "llmchat-app:defined llmchat-composer textarea"

#: What was sent last has an answer, and the last answer shows something: its text, or what became of it.
ANSWERED = """sent => {
  const messages = [...document.querySelectorAll(".lc-user, .lc-assistant")];
  const last = messages.at(-1);
  if (sent && !messages.slice(0, -1).some((one) => one.textContent.includes(sent))) return false;
  return !last || Boolean(last.querySelector(".lc-body > .lc-prose, .lc-state:not(:empty)"));
}"""

_numbers = itertools.count(1)


class Person:
    """One tab of one person. `problems` are script errors and violated security policies."""

    def __init__(self, context: BrowserContext, url: str, page: Page | None = None) -> None:
        self.context = context
        self.url = url
        self.page = page or context.new_page()
        self.name = ""
        self.problems: list[str] = []
        #: Addresses asked for that are not the site's.
        self.strangers: list[str] = []
        self.sockets: list[WebSocketRoute] = []
        #: What has been sent since the last answer was waited for.
        self._sent = ""
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._heard)
        self.page.on("request", lambda request: self._requested(request.url))

    def _heard(self, message: Any) -> None:
        # Chromium logs refused requests and connections as errors too; the page deals with those itself.
        expected = message.text.startswith(("Failed to load resource", "WebSocket connection to"))
        if message.type == "error" and not expected:
            self.problems.append(message.text)

    def _requested(self, address: str) -> None:
        if not address.startswith((self.url, "data:")):
            self.strangers.append(address)

    def enter(self, site: SiteProcess, **fields: Any) -> None:
        """Opens the chat as somebody new, with these fields, who is signed in already."""
        self.name = f"person{next(_numbers)}"
        session = site.sign_in(self.name, password=HASHED, **fields)
        self.context.add_cookies([{"name": "sessionid", "value": session, "url": self.url}])
        self.page.goto(self.url)
        self.page.wait_for_selector(COMPOSER)

    def sign_up(self, name: str) -> None:
        """Makes an account in the browser, which opens the chat."""
        self.page.goto(f"{self.url}/accounts/signup/")
        self.page.fill("input[name=username]", name)
        self.page.fill("input[name=password1]", PASSWORD)
        self.page.click("main button[type=submit]")
        self.page.wait_for_selector(COMPOSER)

    def sign_in(self, name: str) -> None:
        """Fills in the form that is open."""
        self.page.fill("input[name=login]", name)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.click("main button[type=submit]")

    def other_tab(self, path: str = "/") -> Person:
        """The same person's second tab."""
        tab = Person(self.context, self.url)
        tab.page.goto(self.url + path)
        return tab

    def cuttable(self) -> None:
        """From the next page load on, connections can be cut with `cut`."""
        self.page.route_web_socket(re.compile("/ws/$"), self._routed)

    def _routed(self, route: WebSocketRoute) -> None:
        route.connect_to_server()
        self.sockets.append(route)

    def cut(self) -> None:
        """Breaks the present connection, as a lost network does; the server may be told another code."""
        self.sockets[-1].close(code=4012)

    def wait_for_another_socket(self) -> None:
        """Returns when the page has opened a connection after those that there are now."""
        before, deadline = len(self.sockets), time.monotonic() + 15
        while len(self.sockets) == before:
            assert time.monotonic() < deadline, "the page has not come back"
            # Playwright tells of sockets only while it is waited for.
            self.page.wait_for_timeout(20)

    def write(self, text: str) -> None:
        self.page.fill(COMPOSER, text)

    def ask(self, text: str | None = None, **script: Any) -> None:
        """Sends `text`, or a script for the scripted upstream."""
        text = json.dumps(script) if text is None else text
        self._sent = text.strip()[:100]
        self.write(text)
        self.page.press(COMPOSER, "Enter")

    @property
    def answers(self) -> Locator:
        return self.page.locator(".lc-assistant")

    @property
    def answer(self) -> Locator:
        return self.answers.last

    @property
    def prose(self) -> Locator:
        return self.answer.locator(".lc-body > .lc-prose")

    @property
    def state(self) -> Locator:
        return self.answer.locator(".lc-state")

    @property
    def notices(self) -> Locator:
        return self.page.locator(".lc-notices")

    @property
    def send_button(self) -> Locator:
        return self.page.locator(".lc-send")

    def text(self) -> str:
        """What the last answer shows, without what Markdown takes away at its ends."""
        return (self.prose.text_content() or "").strip() if self.prose.count() else ""

    def expect_running(self) -> None:
        expect(self.page.get_by_role("button", name="Stop", exact=True)).to_be_visible(timeout=15_000)

    def expect_done(self, timeout: float = 20_000) -> None:
        expect(self.page.get_by_role("button", name="Send", exact=True).last).to_be_visible(timeout=timeout)
        self.page.wait_for_function(ANSWERED, arg=self._sent, timeout=timeout)
        self._sent = ""
        expect(self.page.get_by_role("button", name="Send", exact=True).last).to_be_visible(timeout=timeout)

    def wait_for_text(self, length: int, timeout: float = 15_000) -> str:
        """Waits until the last answer shows so many characters, and returns them."""
        expect(self.prose).to_have_text(re.compile(f".{{{length},}}", re.DOTALL), timeout=timeout)
        return self.text()


def tokens(count: int) -> str:
    """The text of the scripted upstream's ordinary answer, as a page shows it."""
    return " ".join(f"token{n}" for n in range(count))
