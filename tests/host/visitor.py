from __future__ import annotations

from playwright.sync_api import BrowserContext, Response

from tests.e2e.person import Person


class Visitor(Person):
    """Somebody at a host's site, to whom answers that are errors are problems too."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        super().__init__(context, origin)
        #: Everything the site answered, by its path.
        self.responses: dict[str, Response] = {}
        self.page.on("response", self._answered)

    def _answered(self, response: Response) -> None:
        self.responses[response.url.removeprefix(self.url)] = response
        if response.status >= 400:
            self.problems.append(f"{response.status} {response.url}")

    def visit(self, path: str, name: str, password: str) -> None:
        """Goes to a page that asks who is there, and signs in."""
        self.page.goto(self.url + path)
        self.identify(name, password)
        self.page.wait_for_url(self.url + path)

    def identify(self, name: str, password: str) -> None:
        """Fills in the form that is open."""
        self.page.fill("input[name=username]", name)
        self.page.fill("input[name=password]", password)
        self.page.press("input[name=password]", "Enter")
