"""What a long answer and a long conversation cost the browser, as its own trace tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from benchmarks import browser as page_costs
from chat.testing.scripted_upstream import ScriptedUpstream
from tests.servers import SiteProcess

from .person import Person

pytestmark = pytest.mark.slow

SECONDS = 20


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[tuple[SiteProcess, ScriptedUpstream]]:
    """A site of its own, whose provider nobody else asks."""
    with (
        ScriptedUpstream() as upstream,
        SiteProcess(tmp_path, "uvicorn", OPENAI_BASE_URL=upstream.base_url) as site,
    ):
        yield site, upstream


def test_a_long_answer_moves_nothing_and_leaves_the_page_free(
    browser: Browser, context: BrowserContext, quiet: tuple[SiteProcess, ScriptedUpstream]
) -> None:
    site, upstream = quiet
    person = Person(context, site.base_url)
    person.enter(site)
    text = page_costs.long_answer(50_000)
    seen = page_costs.stream(browser, person.page, upstream, text, SECONDS)
    assert seen.characters > 0.5 * SECONDS * page_costs.RATE
    assert seen.layout_shift == 0, seen
    # The thread's own time: other tests run beside this one, and what they take is not the page's. What a
    # frame takes on average is measured by `make bench`, alone on the machine.
    assert seen.longest_task_cpu_ms <= page_costs.LONGEST_TASK_MS, seen
    assert person.problems == []


def test_what_is_far_above_in_a_long_answer_rests_and_takes_exactly_its_room(person: Person) -> None:
    text = page_costs.long_answer(14_000)
    person.ask(tokens=page_costs.tokens(text), rate=1_000)
    person.expect_done()
    far = person.prose.locator("> p").first
    assert not far.locator("em").first.evaluate("e => e.checkVisibility({contentVisibilityAuto: true})")
    heights = person.page.locator("llmchat-thread").evaluate(
        """thread => {
          const before = thread.scrollHeight;
          for (const block of thread.querySelectorAll(".lc-far")) block.classList.remove("lc-far");
          return [before, thread.scrollHeight];
        }"""
    )
    assert heights[0] == heights[1]
    assert person.problems == []


def test_a_thousand_messages_are_open_while_they_are_waited_for(
    browser: Browser, context: BrowserContext, quiet: tuple[SiteProcess, ScriptedUpstream]
) -> None:
    site, _upstream = quiet
    person = Person(context, site.base_url)
    person.enter(site)
    conversation = page_costs.write_long(site, person.name)
    person.page.reload()
    opened = page_costs.open_long(person.page, conversation)
    # What is far from the reader's place is there as a box, and is filled when nothing else is to do.
    empty = person.page.locator("llmchat-message:empty")
    assert 0 < empty.count() < page_costs.MESSAGES
    assert opened.milliseconds <= page_costs.PATIENCE_MS, opened
    person.page.locator("llmchat-thread").evaluate("element => { element.scrollTop = 0; }")
    person.page.get_by_text("Question 0,").wait_for()
    assert person.problems == []
