"""Everything by keyboard: palette, shortcut sheet, a whole conversation, and a focus that is never lost."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from .person import COMPOSER, Person

PALETTE = "Commands"


def palette(person: Person, typed: str = "") -> Any:
    person.page.keyboard.press("Control+K")
    dialog = person.page.get_by_role("dialog", name=PALETTE)
    expect(dialog).to_be_visible()
    person.page.keyboard.type(typed)
    return dialog


def focused(person: Person) -> str:
    """What has the focus, as its label or its tag."""
    found: str = person.page.evaluate(
        "() => document.activeElement.getAttribute('aria-label') || document.activeElement.tagName"
    )
    return found


def test_a_whole_conversation_by_keyboard_alone(person: Person) -> None:
    """Asks, stops, asks, tries again, walks the versions, edits, renames, begins another, returns."""
    keyboard = person.page.keyboard

    def walk_to(label: str, key: str = "Shift+Tab") -> None:
        for _ in range(60):
            if focused(person) == label:
                return
            keyboard.press(key)
        raise AssertionError(f"{label} cannot be reached; the focus is on {focused(person)}")

    expect(person.page.locator(COMPOSER)).to_be_focused()
    keyboard.type('{"count": 1000, "rate": 50}')
    keyboard.press("Enter")
    person.wait_for_text(50)
    keyboard.press("Escape")
    expect(person.state).to_contain_text("Stopped.")
    expect(person.page.locator(COMPOSER)).to_be_focused()
    keyboard.type('{"tokens": ["typed"]}')
    keyboard.press("Enter")
    expect(person.prose).to_have_text("typed")
    person.expect_done()
    walk_to("Try again")
    keyboard.press("Enter")
    expect(person.answer.get_by_label("Version 2 of 2")).to_be_visible()
    person.expect_done()
    walk_to("Previous version")
    keyboard.press("Enter")
    expect(person.answer.get_by_label("Version 1 of 2")).to_be_visible()
    keyboard.press("Shift+Escape")
    keyboard.press("ArrowUp")
    expect(person.page.locator(".lc-user").last.get_by_role("textbox")).to_be_focused()
    keyboard.press("Control+A")
    keyboard.type('{"tokens": ["edited"]}')
    keyboard.press("Enter")
    expect(person.prose).to_have_text("edited")
    person.expect_done()
    palette(person, "rename")
    keyboard.press("Enter")
    expect(person.page.get_by_label("Title")).to_be_focused()
    keyboard.type("By hand")
    keyboard.press("Enter")
    expect(person.page.locator(".lc-title")).to_have_text("By hand")
    keyboard.press("Control+Shift+O")
    expect(person.page.locator(".lc-greeting")).to_be_visible()
    expect(person.page.locator(COMPOSER)).to_be_focused()
    palette(person, "by hand")
    keyboard.press("Enter")
    expect(person.prose).to_have_text("edited")


def test_the_palette_finds_does_and_gives_the_focus_back(person: Person) -> None:
    person.ask(tokens=["hello"])
    person.expect_done()
    person.context.grant_permissions(["clipboard-read", "clipboard-write"])
    dialog = palette(person, "copy")
    expect(dialog.get_by_role("combobox")).to_be_focused()
    expect(dialog.get_by_role("option", name="Copy the last answer")).to_be_visible()
    person.page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    assert person.page.evaluate("navigator.clipboard.readText()") == "hello"
    expect(person.page.locator(COMPOSER)).to_be_focused()
    palette(person)
    person.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(person.page.locator(COMPOSER)).to_be_focused()
    palette(person, "nothing of the kind xyz")
    # What is no command may still be in a message.
    expect(dialog.get_by_role("option")).to_have_count(1)
    expect(dialog.get_by_role("option")).to_contain_text("Search all messages for “nothing")


def test_stop_from_the_palette(person: Person) -> None:
    person.ask(count=1000, rate=50)
    person.wait_for_text(20)
    palette(person, "stop")
    person.page.keyboard.press("Enter")
    expect(person.state).to_contain_text("Stopped.")


def test_escape_in_a_dialog_closes_it_and_stops_nothing(person: Person) -> None:
    person.ask(count=1000, rate=50)
    person.wait_for_text(20)
    palette(person)
    person.page.keyboard.press("Escape")
    person.wait_for_text(len(person.text()) + 50)
    person.expect_running()
    person.page.keyboard.press("Escape")
    expect(person.state).to_contain_text("Stopped.")


def test_the_sheet_shows_the_keys_and_single_keys_can_be_turned_off(person: Person) -> None:
    sheet = person.page.get_by_role("dialog", name="Keyboard shortcuts")
    person.page.keyboard.type("?")
    expect(sheet).to_have_count(0)
    expect(person.page.locator(COMPOSER)).to_have_value("?")
    person.page.locator("llmchat-thread").evaluate("() => document.activeElement.blur()")
    person.page.keyboard.press("?")
    expect(sheet).to_contain_text("New chat")
    sheet.get_by_role("checkbox").uncheck()
    person.page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    person.page.locator("llmchat-thread").evaluate("() => document.activeElement.blur()")
    person.page.keyboard.press("?")
    person.page.keyboard.press("Control+/")
    expect(sheet).to_be_visible()
    expect(sheet.get_by_role("checkbox")).not_to_be_checked()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_chosen_and_stays(person: Person, scheme: str) -> None:
    background = "() => getComputedStyle(document.querySelector('.llmchat')).backgroundColor"
    colours = {"light": "rgb(251, 250, 248)", "dark": "rgb(23, 22, 20)"}
    palette(person, f"{scheme} theme")
    with person.page.expect_response(lambda response: response.request.method == "PATCH"):
        person.page.keyboard.press("Enter")
    person.page.wait_for_function(f"() => ({background})() === '{colours[scheme]}'")
    # Before any script runs: the page does not flash.
    with person.page.expect_response(lambda response: response.url == f"{person.url}/") as response:
        person.page.reload()
    assert f'data-theme="{scheme}"' in response.value.text()
    assert person.page.evaluate(background) == colours[scheme]


def test_an_answer_that_ends_in_the_background_shows_in_the_title(person: Person) -> None:
    person.ask(count=40, rate=25)
    person.wait_for_text(10)
    person.page.evaluate(
        """() => {
          document.hasFocus = () => false;
          Object.defineProperty(document, "visibilityState", {value: "hidden", configurable: true});
        }"""
    )
    expect(person.page).to_have_title(re.compile(r"^\(1\) "))
    person.page.evaluate(
        """() => {
          document.hasFocus = () => true;
          Object.defineProperty(document, "visibilityState", {value: "visible", configurable: true});
          window.dispatchEvent(new Event("focus"));
        }"""
    )
    expect(person.page).not_to_have_title(re.compile(r"^\(1\) "))


def test_a_notification_is_shown_once_it_was_asked_for(person: Person) -> None:
    person.context.grant_permissions(["notifications"])
    person.page.evaluate(
        """() => {
          window.shown = [];
          window.Notification = class {
            static permission = "granted";
            static requestPermission = async () => "granted";
            constructor(title, options) { window.shown.push([title, options.body]); }
          };
          document.hasFocus = () => false;
        }"""
    )
    person.ask(tokens=["not yet"])
    person.expect_done()
    assert person.page.evaluate("window.shown") == []
    palette(person, "notify")
    person.page.keyboard.press("Enter")
    person.ask(tokens=["now"])
    person.page.wait_for_function("() => window.shown.length === 1")
    assert person.page.evaluate("window.shown[0][1]") == "now"
