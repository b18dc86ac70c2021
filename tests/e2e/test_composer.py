"""Writing: what sends, what waits, what is asked of the model, and what the field does with much of it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from chat.testing.scripted_upstream import ScriptedUpstream

from .person import COMPOSER, Person

LONG: dict[str, Any] = {"count": 1000, "rate": 50}


def waiting(person: Person) -> Any:
    return person.page.locator(".lc-queue li")


def test_the_field_grows_to_two_fifths_of_the_height_and_scrolls_then(person: Person) -> None:
    field = person.page.locator(COMPOSER)
    low = field.bounding_box()
    person.write("line\n" * 8)
    middle = field.bounding_box()
    person.write("line\n" * 200)
    high = field.bounding_box()
    heights = [box["height"] for box in (low, middle, high) if box]
    assert heights == sorted(set(heights))
    assert abs(heights[2] - 0.4 * 800) <= 2
    assert field.evaluate("e => e.scrollHeight > e.clientHeight")


def test_who_prefers_it_sends_with_ctrl_and_enter(person: Person) -> None:
    person.page.evaluate(
        """async () => {
          const {csrf} = JSON.parse(document.querySelector("llmchat-app > script").textContent);
          const headers = {"Content-Type": "application/json", [csrf.header]: csrf.token};
          await fetch("/api/preferences/", {method: "PATCH", headers, body: '{"enter_key": "ctrl"}'});
        }"""
    )
    person.page.reload()
    person.write("one")
    person.page.press(COMPOSER, "Enter")
    person.page.keyboard.type("two")
    expect(person.page.locator(COMPOSER)).to_have_value("one\ntwo")
    expect(person.page.locator(".lc-user")).to_have_count(0)
    person.page.press(COMPOSER, "Control+Enter")
    expect(person.page.locator(".lc-user")).to_contain_text("one\ntwo")
    person.expect_done()


def test_a_message_written_while_an_answer_runs_waits_for_its_end(person: Person) -> None:
    person.ask(count=60, rate=25)
    person.wait_for_text(20)
    person.ask(tokens=["second"])
    expect(waiting(person)).to_have_count(1)
    expect(person.page.locator(COMPOSER)).to_have_value("")
    expect(person.page.locator(".lc-user")).to_have_count(1)
    expect(person.prose).to_have_text("second", timeout=20_000)
    expect(waiting(person)).to_have_count(0)
    expect(person.answers.first).to_contain_text("token59")
    person.expect_done()
    person.page.reload()
    expect(person.page.locator(".lc-user")).to_have_count(2)


def test_what_waits_survives_a_reload_and_is_sent_once_by_two_tabs(person: Person) -> None:
    person.ask(count=150, rate=25)
    person.wait_for_text(20)
    person.ask(tokens=["after all"])
    expect(waiting(person)).to_have_count(1)
    other = person.other_tab(person.page.url.removeprefix(person.url))
    expect(waiting(other)).to_have_count(1)
    person.page.reload()
    expect(waiting(person)).to_have_count(1)
    for tab in (person, other):
        expect(tab.prose).to_have_text("after all", timeout=30_000)
        expect(tab.page.locator(".lc-user")).to_have_count(2)
        expect(waiting(tab)).to_have_count(0)


def test_what_waits_can_be_changed_and_taken_back(person: Person) -> None:
    person.ask(**LONG)
    person.wait_for_text(20)
    person.ask("one")
    person.ask("two")
    expect(waiting(person)).to_have_count(2)
    waiting(person).first.get_by_role("button", name="Do not send").click()
    expect(waiting(person)).to_have_text(["two"])
    person.page.press(COMPOSER, "ArrowUp")
    expect(person.page.locator(COMPOSER)).to_have_value("two")
    expect(waiting(person)).to_have_count(0)
    expect(person.page.locator(COMPOSER)).to_be_focused()


def test_after_a_stop_it_goes_on_and_after_an_error_it_is_the_reader_s_turn(person: Person) -> None:
    person.ask(**LONG)
    person.wait_for_text(20)
    person.ask(status=404, body="{}", header_delay=2)
    person.page.keyboard.press("Escape")
    expect(person.page.locator(".lc-user")).to_have_count(2)
    person.ask(tokens=["held"])
    expect(person.state).to_contain_text("is not available", timeout=15_000)
    expect(waiting(person)).to_have_count(1)
    waiting(person).get_by_role("button", name="Send now").click()
    expect(person.prose).to_have_text("held")
    expect(waiting(person)).to_have_count(0)


def test_it_is_sent_too_while_another_conversation_is_open(person: Person) -> None:
    person.ask(count=60, rate=25)
    person.wait_for_text(20)
    person.ask(tokens=["in the background"])
    expect(person.page).to_have_url(re.compile("/c/"))
    address = person.page.url
    person.page.get_by_role("link", name="New chat").first.click()
    person.page.wait_for_function(
        "() => !Object.keys(localStorage).some((key) => key.includes('queue:'))", timeout=30_000
    )
    person.page.goto(address)
    expect(person.prose).to_have_text("in the background")
    expect(person.page.locator(".lc-user")).to_have_count(2)


def test_up_arrow_edits_what_was_asked_last(person: Person) -> None:
    person.ask(tokens=["first"])
    person.expect_done()
    person.page.press(COMPOSER, "ArrowUp")
    field = person.page.locator(".lc-user").get_by_role("textbox")
    expect(field).to_be_focused()
    field.fill('{"tokens": ["second"]}')
    field.press("Enter")
    expect(person.prose).to_have_text("second")


def test_up_arrow_in_a_text_moves_the_caret_as_ever(person: Person) -> None:
    person.ask(tokens=["first"])
    person.expect_done()
    person.write("a\nb")
    person.page.press(COMPOSER, "ArrowUp")
    expect(person.page.locator(COMPOSER)).to_be_focused()
    expect(person.page.locator(".lc-user").get_by_role("textbox")).to_have_count(0)


@pytest.mark.parametrize(
    "text",
    [
        "👩‍👩‍👧‍👦 family 🏳️‍🌈 and \U0001d518 \u200b\ufeff",
        "مرحبا، كيف الحال؟ hello שלום",
        "<b>&amp;</b> `${x}` \\n",
    ],
    ids=["emoji", "right to left", "markup"],
)
def test_whatever_is_written_is_sent_as_it_is(person: Person, upstream: ScriptedUpstream, text: str) -> None:
    person.ask(text)
    person.expect_done()
    expect(person.page.locator(".lc-user")).to_contain_text(text.strip())
    sent = [seen.body for seen in upstream.wait_requests(1)][-1]
    assert sent["messages"][-1]["content"] == text


def test_right_to_left_text_is_shown_from_the_right(person: Person) -> None:
    person.write("مرحبا")
    direction = "e => getComputedStyle(e).direction"
    assert person.page.locator(COMPOSER).evaluate(direction) == "rtl"
    person.page.press(COMPOSER, "Enter")
    assert person.page.locator(".lc-user .lc-bubble").evaluate(direction) == "rtl"
    person.expect_done()


def test_two_hundred_thousand_pasted_characters_do_not_hold_the_page_up(person: Person) -> None:
    person.context.grant_permissions(["clipboard-read", "clipboard-write"])
    text = "wörter " * 28_600
    person.page.evaluate("text => navigator.clipboard.writeText(text)", text)
    person.page.focus(COMPOSER)
    person.page.keyboard.press("Control+V")
    person.page.wait_for_function(
        "([selector, length]) => document.querySelector(selector).value.length === length",
        arg=["llmchat-composer textarea", len(text)],
    )
    person.page.press(COMPOSER, "Enter")
    expect(person.notices).to_contain_text("This message is too long")
    assert person.page.input_value(COMPOSER) == text


def test_a_full_storage_keeps_what_cannot_wait_in_the_field(person: Person) -> None:
    person.ask(**LONG)
    person.wait_for_text(20)
    person.page.evaluate(
        "() => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') } }"
    )
    person.ask("too much")
    expect(person.notices).to_contain_text("no room left")
    expect(person.page.locator(COMPOSER)).to_have_value("too much")


def test_system_prompt_and_parameters_reach_the_model_and_stay_with_the_conversation(
    person: Person, upstream: ScriptedUpstream
) -> None:
    button = person.page.get_by_role("button", name="System prompt and parameters")
    panel = person.page.get_by_role("dialog", name="System prompt and parameters")
    button.click()
    panel.get_by_label("System prompt").fill("Speak like a pirate.")
    panel.get_by_label("Temperature").fill("0.3")
    panel.get_by_label("Thinking").select_option("Low")
    panel.get_by_role("button", name="Done").click()
    expect(panel).to_have_count(0)
    expect(button).to_be_focused()
    person.ask("ahoy there")
    person.expect_done()
    body = next(seen.body for seen in upstream.wait_requests(1) if "ahoy there" in json.dumps(seen.body))
    assert body["messages"][0] == {"role": "system", "content": "Speak like a pirate."}
    assert (body["temperature"], body["reasoning_effort"]) == (0.3, "low")

    person.page.reload()
    person.wait_for_text(5)
    button.click()
    expect(panel.get_by_label("System prompt")).to_have_value("Speak like a pirate.")
    with person.page.expect_response(lambda response: response.request.method == "PATCH"):
        panel.get_by_label("Temperature").fill("1.5")
        person.page.keyboard.press("Escape")
    person.page.reload()
    person.wait_for_text(5)
    button.click()
    expect(panel.get_by_label("Temperature")).to_have_value("1.5")
    with person.page.expect_response(lambda response: response.request.method == "PATCH"):
        panel.get_by_role("button", name="Reset").click()
    person.page.get_by_role("link", name="New chat").first.click()
    button.click()
    expect(panel.get_by_label("System prompt")).to_have_value("")


MODELS = [
    {
        "name": f"acme/{name}",
        "label": name.title(),
        "provider": "Acme",
        "description": description,
        "capabilities": {"vision": name == "owl"},
        "context_tokens": 128_000,
        "price": None,
        "default": name == "owl",
        "available": name != "dodo",
    }
    for name, description in {
        "owl": "Sees well",
        "fox": "Quick",
        "ox": "Slow and sure",
        "ant": "Small",
        "bee": "Busy",
        "dodo": "Gone",
    }.items()
]


def test_the_model_is_chosen_with_the_keyboard_and_goes_along(
    person: Person, upstream: ScriptedUpstream
) -> None:
    def models(route: Route) -> None:
        route.fulfill(json={"results": MODELS})

    person.page.route("**/api/models/", models)
    person.page.reload()
    button = person.page.get_by_role("button", name="Model: Owl")
    button.focus()
    person.page.keyboard.press("Enter")
    panel = person.page.get_by_role("dialog", name="Models")
    expect(panel.get_by_role("option")).to_have_count(6)
    expect(panel.get_by_role("option", name="Owl")).to_have_attribute("aria-selected", "true")
    expect(panel.get_by_role("img", name="Understands images")).to_have_count(1)
    expect(panel.get_by_role("option", name="Dodo")).to_have_attribute("aria-disabled", "true")
    person.page.keyboard.type("quick")
    expect(panel.get_by_role("option")).to_have_count(1)
    person.page.keyboard.press("Enter")
    expect(person.page.get_by_role("button", name="Model: Fox")).to_be_focused()
    person.ask("which one are you?")
    expect(person.answers).to_have_count(1)
    person.expect_done()
    bodies = [seen.body for seen in upstream.wait_requests(1)]
    assert any(body["model"] == "acme/fox" for body in bodies)
