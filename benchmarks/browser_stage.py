"""`python -m benchmarks.browser_stage`: measures the page in Chromium; fails when a bound does not hold."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from chat.testing.scripted_upstream import ScriptedUpstream
from tests import chromium
from tests.servers import SiteProcess

from . import browser as costs
from . import machine

_PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- page: begin -->\n", "<!-- page: end -->\n"
CHARACTERS = 50_000
OPENINGS = 5


def measure() -> tuple[costs.Streamed, list[costs.Opened]]:
    """One long answer from its first word to its last, and a long conversation opened several times."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ScriptedUpstream() as upstream,
        SiteProcess(Path(folder), "uvicorn", OPENAI_BASE_URL=upstream.base_url) as site,
        _chromium() as browser,
    ):
        with _page(browser, site) as page:
            streamed = costs.stream(browser, page, upstream, costs.long_answer(CHARACTERS), None)
        conversation = costs.write_long(site, "ada")
        opened = []
        for _ in range(OPENINGS):
            # Each in a browser that has nothing of the site yet.
            with _page(browser, site) as page:
                opened.append(costs.open_long(page, conversation))
    return streamed, opened


@contextmanager
def _chromium() -> Iterator[Browser]:
    path = chromium.ensure()
    if path is None:
        sys.exit("There is no Chromium to measure.")
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright, path)
        yield browser
        browser.close()


@contextmanager
def _page(browser: Browser, site: SiteProcess) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en")
    context.add_cookies([{"name": "sessionid", "value": site.sign_in("ada"), "url": site.base_url}])
    page = context.new_page()
    page.goto(site.base_url)
    page.wait_for_selector(costs.COMPOSER)
    yield page
    context.close()


def rows(streamed: costs.Streamed, opened: list[costs.Opened]) -> list[tuple[str, float, float]]:
    """What was measured, the figure, and what it may be at most."""
    return [
        ("longest task of the main thread, ms", streamed.longest_task_ms, costs.LONGEST_TASK_MS),
        ("mean work of the main thread per frame, ms", streamed.mean_frame_ms, costs.FRAME_MS),
        ("layout shift, of all frames", streamed.layout_shift, 0),
        (
            f"{costs.MESSAGES:,} messages opened, median of {len(opened)}, ms",
            statistics.median(one.milliseconds for one in opened),
            costs.OPEN_MS,
        ),
    ]


def render(streamed: costs.Streamed, measured: list[tuple[str, float, float]]) -> str:
    """The figures as Markdown."""
    here = machine.describe()
    lines = [
        f"{here.processor}, {here.cores} cores. An answer of {streamed.characters:,} characters with code, "
        f"tables and formulas, at {costs.RATE} tokens a second: {streamed.seconds:.0f} s, "
        f"{streamed.frames:,} frames.",
        "",
        "| | measured | bound | holds |",
        "|---|---|---|---|",
        *(
            f"| {what} | {figure:.3g} | ≤ {limit:g} | {'yes' if figure <= limit else 'NO'} |"
            for what, figure, limit in measured
        ),
    ]
    return "\n".join(lines) + "\n"


def publish(text: str) -> None:
    """Writes the figures between this stage's own marks, at the end of the page when it has none yet."""
    page = _PAGE.read_text() if _PAGE.exists() else "# Benchmarks\n"
    if _BEGIN not in page:
        page = f"{page.rstrip()}\n\n## The page\n\n{_BEGIN}{_END}"
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    _PAGE.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--publish", action="store_true", help="also write the figures into docs/")
    options = parser.parse_args()
    streamed, opened = measure()
    measured = rows(streamed, opened)
    text = render(streamed, measured)
    if options.publish:
        publish(text)
    print(text)
    return 0 if all(figure <= limit for _, figure, limit in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
