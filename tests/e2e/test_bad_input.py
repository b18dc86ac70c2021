"""Whatever goes wrong is said in one clear sentence, and nothing that was written is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from project.run import HOST, free_port
from tests.servers import SiteProcess

from .person import COMPOSER, Person


@pytest.fixture
def person_at(context: BrowserContext, tmp_path: Path) -> Iterator[Callable[..., Person]]:
    """Opens a site with the variables given, and somebody at it."""
    sites: list[SiteProcess] = []

    def open_site(**variables: str) -> Person:
        site = SiteProcess(tmp_path, "daphne", **variables)
        sites.append(site)
        person = Person(context, site.__enter__().base_url)
        person.enter(site)
        return person

    yield open_site
    for site in sites:
        site.__exit__(None, None, None)


@pytest.mark.parametrize("text", ["", "   ", "\n\n\t"])
def test_nothing_cannot_be_sent(person: Person, text: str) -> None:
    person.write(text)
    expect(person.send_button).to_be_disabled()
    person.page.press(COMPOSER, "Enter")
    expect(person.page.locator(".lc-message")).to_have_count(0)


def test_two_hundred_thousand_characters_are_refused_and_kept(person: Person) -> None:
    text = "long " * 40_000
    person.write(text)
    person.page.press(COMPOSER, "Enter")
    expect(person.notices).to_contain_text("This message is too long")
    expect(person.page.locator(".lc-message")).to_have_count(0)
    assert person.page.input_value(COMPOSER) == text
    person.page.reload()
    expect(person.page.locator(COMPOSER)).not_to_have_value("")
    assert person.page.input_value(COMPOSER) == text


@pytest.mark.parametrize(
    ("script", "sentence", "button"),
    [
        # To ask the same again would change nothing there.
        ({"status": 404, "body": "{}"}, "This model is not available.", "Another model…"),
        (
            {"status": 401, "body": '{"error": {"message": "Bad key sk-123"}}'},
            "refused our",
            "Another model…",
        ),
        ({"status": 429, "body": "{}"}, "is busy", "Try again"),
        ({"status": 500, "body": "<h1>Oops</h1>"}, "reported an error", "Try again"),
        ({"count": 0}, "could not be read", "Try again"),
        ({"count": 0, "fault": "html"}, "could not be read", "Try again"),
    ],
    ids=["unknown model", "wrong key", "rate limit", "server error", "empty answer", "html"],
)
def test_the_provider_s_faults_are_sentences_with_one_button(
    person: Person, script: dict[str, Any], sentence: str, button: str
) -> None:
    person.ask(**script)
    expect(person.state).to_contain_text(sentence)
    expect(person.state.get_by_role("button")).to_have_count(1)
    expect(person.state.get_by_role("button", name=button)).to_be_visible()
    said = person.answer.inner_text()
    assert "sk-123" not in said
    assert "Oops" not in said
    expect(person.page.locator(".lc-user")).to_be_visible()
    person.page.reload()
    expect(person.state).to_contain_text(sentence)


def test_an_answer_broken_off_is_kept_and_can_be_continued(person: Person) -> None:
    person.ask(count=5, fault="reset", fault_at=3, rate=20)
    expect(person.prose).to_have_text("token0 token1 token2")
    expect(person.state).to_contain_text("cannot be reached")
    expect(person.state.get_by_role("button", name="Continue")).to_be_visible()


def test_no_upstream_listening(person_at: Callable[..., Person]) -> None:
    person = person_at(OPENAI_BASE_URL=f"http://{HOST}:{free_port()}/v1", LLMCHAT_MODEL="any")
    person.ask("Is anybody there?")
    expect(person.state).to_contain_text("The model's provider cannot be reached right now.", timeout=30_000)
    expect(person.state.get_by_role("button", name="Try again")).to_be_visible()
    assert person.problems == []


def test_a_conversation_that_is_not_mine_is_said_not_to_be_here(person: Person) -> None:
    response = person.page.goto(f"{person.url}/c/11111111-1111-4111-8111-111111111111/")
    assert response is not None
    assert response.status == 404
    expect(person.page.get_by_role("heading", name="This conversation is not here")).to_be_visible()
    expect(person.page.locator(COMPOSER)).to_be_hidden()
    person.page.locator(".lc-missing").get_by_role("link", name="New chat").click()
    expect(person.page.locator(COMPOSER)).to_be_visible()


def test_a_stranger_s_conversation_is_not_here_either(person: Person, site: SiteProcess) -> None:
    person.ask(tokens=["secret"])
    person.expect_done()
    address = person.page.url
    browser = person.context.browser
    assert browser is not None
    stranger = Person(browser.new_context(locale="en"), person.url)
    stranger.enter(site)
    stranger.page.goto(address)
    expect(stranger.page.get_by_role("heading", name="This conversation is not here")).to_be_visible()
    assert "secret" not in stranger.page.content()
    stranger.context.close()


def test_a_full_storage_is_said_and_the_draft_kept_as_long_as_the_page(person: Person) -> None:
    person.ask(tokens=["fine"])
    person.expect_done()
    person.page.evaluate(
        "() => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') } }"
    )
    person.write("a long thought")
    expect(person.notices).to_contain_text("no room left")
    person.page.get_by_role("link", name="New chat").first.click()
    expect(person.page.locator(COMPOSER)).to_have_value("")
    person.page.go_back()
    expect(person.prose).to_have_text("fine")
    expect(person.page.locator(COMPOSER)).to_have_value("a long thought")


def test_storage_that_is_full_or_forbidden_breaks_nothing(person: Person) -> None:
    person.page.add_init_script(
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }"
    )
    person.page.reload()
    person.ask(tokens=["fine"])
    expect(person.prose).to_have_text("fine")
