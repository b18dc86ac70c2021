"""The first answer: it grows, survives a reload, is stopped, and stands in the admin."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Browser, BrowserContext, expect

from tests.servers import SiteProcess

from .person import Person, tokens

STEADY: dict[str, Any] = {"count": 150, "rate": 50}


def test_signed_up_in_the_browser_the_first_question_is_answered(
    context: BrowserContext, site: SiteProcess
) -> None:
    person = Person(context, site.base_url)
    person.page.goto(site.base_url)
    expect(person.page).to_have_url(re.compile("/accounts/login/"))
    person.sign_up("newcomer")
    expect(person.page.get_by_role("heading", name="Hello, newcomer")).to_be_visible()
    person.ask("Anybody there?")
    person.expect_done()
    assert person.text() == tokens(20)


def test_text_grows_as_it_streams(person: Person) -> None:
    person.ask(**STEADY)
    steps = [person.wait_for_text(1)]
    while len(steps) < 4:
        # At least a line more each time, long before the end.
        steps.append(person.wait_for_text(len(steps[-1]) + 100))
    whole = tokens(150)
    assert all(whole.startswith(step) for step in steps)
    person.expect_done()
    assert person.text() == whole


def test_a_reload_in_the_middle_shows_all_of_it_and_the_rest(person: Person) -> None:
    person.ask(**STEADY)
    before = person.wait_for_text(300)
    person.page.reload()
    after = person.wait_for_text(300)
    assert after.startswith(before)
    person.expect_done()
    assert person.text() == tokens(150)


def test_stop_keeps_what_was_said_and_continue_goes_on_in_place(person: Person) -> None:
    person.ask("hello")
    person.expect_done()
    person.ask(count=1000, rate=50)
    person.wait_for_text(100)
    person.page.get_by_role("button", name="Stop", exact=True).click()
    expect(person.state).to_contain_text("Stopped.")
    kept = person.text()
    assert tokens(1000).startswith(kept)
    person.answer.get_by_role("button", name="Continue").click()
    expect(person.state).not_to_contain_text("Stopped.")
    person.expect_done()
    assert person.text().startswith(kept)
    assert len(person.text()) > len(kept)
    expect(person.answers).to_have_count(2)


def test_escape_stops(person: Person) -> None:
    person.ask(count=1000, rate=50)
    person.wait_for_text(50)
    person.page.keyboard.press("Escape")
    expect(person.state).to_contain_text("Stopped.")


def test_a_second_tab_shows_the_same_and_can_stop(person: Person) -> None:
    person.ask(count=1000, rate=50)
    person.wait_for_text(100)
    other = person.other_tab(person.page.url.removeprefix(person.url))
    other.wait_for_text(200)
    other.page.get_by_role("button", name="Stop", exact=True).click()
    for tab in (person, other):
        expect(tab.state).to_contain_text("Stopped.")
    assert person.text() == other.text()


def test_waiting_is_put_into_words(person: Person) -> None:
    person.ask(count=3, first_delay=2.5)
    expect(person.state).to_have_text("Waiting for the model…")
    person.expect_done()
    expect(person.state).to_be_empty()
    assert person.text() == tokens(3)


def test_who_has_to_wait_sees_how_many_are_ahead(person: Person) -> None:
    addresses = []
    for _ in range(5):
        person.page.get_by_role("link", name="New chat").first.click()
        person.ask(count=1000, rate=20)
        expect(person.page).to_have_url(re.compile("/c/"))
        addresses.append(person.page.url)
    expect(person.state).to_have_text("1 ahead of you")
    other = person.other_tab(addresses[0].removeprefix(person.url))
    other.wait_for_text(10)
    other.page.get_by_role("button", name="Stop", exact=True).click()
    person.wait_for_text(10)
    expect(person.state).to_be_empty()


def test_reasoning_is_folded_away(person: Person) -> None:
    person.ask(count=3, reasoning=["Let ", "me ", "think"], rate=10)
    person.expect_done()
    assert person.text() == tokens(3)
    thoughts = person.answer.locator("details")
    expect(thoughts.locator("summary")).to_have_text(re.compile(r"Thought for \d+ s"))
    expect(thoughts.get_by_text("Let me think")).not_to_be_visible()
    thoughts.locator("summary").click()
    expect(thoughts.get_by_text("Let me think")).to_be_visible()


def test_edit_and_regenerate_make_versions_that_can_be_walked(person: Person) -> None:
    person.ask(tokens=["first"])
    person.expect_done()
    question = person.page.locator(".lc-user").last
    question.hover()
    question.get_by_role("button", name="Edit").click()
    question.get_by_role("textbox").fill('{"tokens": ["second"]}')
    question.get_by_role("textbox").press("Enter")
    expect(person.prose).to_have_text("second")
    person.expect_done()
    person.answer.get_by_role("button", name="Try again").click()
    expect(person.answer.get_by_label("Version 2 of 2")).to_be_visible()
    person.expect_done()
    expect(person.prose).to_have_text("second")
    question.hover()
    question.get_by_role("button", name="Previous version").click()
    expect(person.prose).to_have_text("first")
    person.ask(tokens=["below the first"])
    expect(person.prose).to_have_text("below the first")
    person.expect_done()
    person.page.reload()
    expect(person.prose).to_have_text("below the first")
    expect(person.answers.first).to_contain_text("first")


def test_both_transcripts_are_in_the_admin_with_their_statuses(
    browser: Browser, person: Person, site: SiteProcess
) -> None:
    person.ask("the first question")
    person.expect_done()
    person.page.get_by_role("link", name="New chat").first.click()
    person.ask(count=1000, rate=50)
    person.wait_for_text(50)
    person.page.keyboard.press("Escape")
    expect(person.state).to_contain_text("Stopped.")
    stopped = person.text()

    context = browser.new_context(locale="en")
    admin = Person(context, site.base_url)
    admin.enter(site, is_staff=True, is_superuser=True)
    for question, answer, status in (
        ("the first question", tokens(20), "complete"),
        ('{"count"', stopped, "stopped"),
    ):
        admin.page.goto(f"{site.base_url}/admin/llmchat/conversation/")
        admin.page.get_by_role("link", name=re.compile(re.escape(question))).first.click()
        expect(admin.page.locator("#content")).to_contain_text(answer[:40])
        expect(admin.page.locator("#content")).to_contain_text(status)
    context.close()
