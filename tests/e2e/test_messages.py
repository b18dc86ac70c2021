"""What can be done with a message, and where the reader is."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from .person import Person


def test_a_thumb_counts_at_once_says_why_and_is_taken_back(person: Person) -> None:
    person.ask(tokens=["An answer."])
    person.expect_done()
    down = person.answer.get_by_role("button", name="Bad answer")
    down.click()
    dialog = person.page.get_by_role("dialog", name="What was wrong with it?")
    dialog.get_by_label("Not correct").check()
    dialog.get_by_label("Anything else?").fill("It is wrong.")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog).to_be_hidden()
    expect(down).to_have_attribute("aria-pressed", "true")
    person.page.reload()
    expect(down).to_have_attribute("aria-pressed", "true")
    kept = person.page.evaluate(
        """async () => {
          const id = location.pathname.split("/").at(-2);
          const detail = await (await fetch(`/api/conversations/${id}/`)).json();
          return detail.messages.at(-1).feedback;
        }"""
    )
    assert kept == {"rating": -1, "reasons": ["wrong"], "comment": "It is wrong."}
    person.answer.get_by_role("button", name="Good answer").click()
    expect(down).to_have_attribute("aria-pressed", "false")
    person.answer.get_by_role("button", name="Good answer").click()
    expect(person.answer.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "false")


def test_details_tell_the_model_the_tokens_and_the_times(person: Person) -> None:
    person.ask(count=30, rate=60)
    person.expect_done()
    more = person.answer.get_by_role("button", name="More about this answer")
    more.click()
    person.page.get_by_role("menuitem", name="Details").click()
    details = person.page.get_by_role("dialog", name="Details")
    expect(details).to_contain_text(
        re.compile(r"Model.*scripted.*First word after.*s.*Tokens written.*30.*tokens/s")
    )
    person.page.keyboard.press("Escape")
    expect(details).to_have_count(0)
    expect(more).to_be_focused()


def test_a_fork_goes_on_by_itself(person: Person) -> None:
    for word in ("one", "two"):
        person.ask(tokens=[word])
        expect(person.prose).to_have_text(word)
        person.expect_done()
    address = person.page.url
    person.answers.first.hover()
    person.answers.first.get_by_role("button", name="More about this answer").click()
    person.page.get_by_role("menuitem", name="New chat from here").click()
    expect(person.page).not_to_have_url(address)
    expect(person.answers).to_have_count(1)
    person.ask(tokens=["three"])
    expect(person.prose).to_have_text("three")
    person.expect_done()
    person.page.goto(address)
    expect(person.prose).to_have_text("two")
    expect(person.answers).to_have_count(2)


def test_an_error_says_what_happened_and_has_one_button(person: Person) -> None:
    person.ask(status=500, tokens=[])
    expect(person.state).to_contain_text("The model's provider reported an error.", timeout=20_000)
    expect(person.state.get_by_role("button")).to_have_text("Try again")
    person.ask(status=401, tokens=[])
    expect(person.state).to_contain_text("refused our credentials", timeout=20_000)
    expect(person.state.get_by_role("button")).to_have_text("Another model…")


def test_waiting_is_put_into_words_after_a_second(person: Person) -> None:
    person.ask(first_delay=4, tokens=["late"])
    expect(person.state.locator(".lc-dots")).to_be_visible()
    expect(person.state).to_contain_text("Waiting for the model…", timeout=3_000)
    expect(person.prose).to_have_text("late")
    expect(person.state.locator(".lc-dots")).to_have_count(0)


def wait_until_kept(person: Person, kept: bool) -> None:
    """Waits until the browser keeps a place in some conversation, or none."""
    person.page.evaluate(
        """async (wanted) => {
          const keeps = () => Object.keys(localStorage).some((key) => key.endsWith("positions"));
          while (keeps() !== wanted) await new Promise((resolve) => setTimeout(resolve, 20));
        }""",
        kept,
    )


def test_the_reader_s_place_is_kept_over_a_reload_and_another_conversation(person: Person) -> None:
    paragraphs = [f"Paragraph {n}, which says little.\n\n" for n in range(120)]
    person.ask(tokens=paragraphs)
    person.expect_done()
    expect(person.prose).to_contain_text("Paragraph 119")
    thread = person.page.locator("llmchat-thread")
    marker = person.prose.get_by_text("Paragraph 40,")

    def place() -> float:
        return float(marker.evaluate("element => element.getBoundingClientRect().top"))

    thread.hover()
    marker.evaluate("element => element.scrollIntoView({block: 'center'})")
    before = place()
    # The place is kept a moment after the last scroll.
    wait_until_kept(person, True)
    person.page.reload()
    expect(marker).to_be_in_viewport()
    assert abs(place() - before) <= 2
    expect(person.page.get_by_role("button", name="To the end")).to_be_visible()

    person.page.get_by_role("link", name="New chat").first.click()
    expect(person.answers).to_have_count(0)
    person.page.go_back()
    expect(marker).to_be_in_viewport()
    assert abs(place() - before) <= 2

    person.page.get_by_role("button", name="To the end").click()
    expect(person.prose.get_by_text("Paragraph 119,")).to_be_in_viewport()
    wait_until_kept(person, False)
    person.page.reload()
    expect(person.prose.get_by_text("Paragraph 119,")).to_be_in_viewport()
