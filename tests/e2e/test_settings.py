"""The settings page: everything on it works, and holds on the chat's page too."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from .person import COMPOSER, Person


def open_settings(person: Person) -> None:
    person.page.get_by_role("link", name="Settings").click()
    expect(person.page.get_by_role("heading", name="Settings")).to_be_visible()


def test_what_is_set_is_kept_and_holds_in_the_chat(person: Person) -> None:
    open_settings(person)
    saved = person.page.get_by_role("status")
    person.page.get_by_label("Theme").select_option("dark")
    expect(saved).to_have_text("Saved.")
    person.page.get_by_label("Send with").select_option("ctrl")
    person.page.get_by_label("Own instructions").fill("Say everything twice.")
    with person.page.expect_response(lambda response: "instructions" in (response.request.post_data or "")):
        person.page.get_by_label("Own instructions").blur()
    person.page.reload()
    expect(person.page.get_by_label("Own instructions")).to_have_value("Say everything twice.")
    expect(person.page.get_by_label("Theme")).to_have_value("dark")
    person.page.get_by_role("link", name="Back to the chats").click()
    expect(person.page.locator("llmchat-app")).to_have_attribute("data-theme", "dark")
    person.write("two lines")
    person.page.press(COMPOSER, "Enter")
    expect(person.page.locator(".lc-message")).to_have_count(0)


def test_a_key_is_shown_once_and_revoked(person: Person) -> None:
    open_settings(person)
    person.page.get_by_label("What the key is for").fill("My notebook")
    person.page.get_by_role("button", name="Make a key").click()
    expect(person.page.locator(".lc-fresh-key code")).to_have_text(re.compile("^sk-llmchat-.{20,}"))
    person.page.reload()
    expect(person.page.locator(".lc-keys")).to_contain_text("My notebook")
    expect(person.page.locator(".lc-fresh-key")).to_be_hidden()
    person.page.get_by_role("button", name="Revoke: My notebook").click()
    expect(person.page.locator(".lc-keys")).to_contain_text("No keys yet.")


def test_everything_is_taken_along_and_then_deleted(person: Person) -> None:
    person.ask(tokens=["hello"])
    person.expect_done()
    open_settings(person)
    expect(person.page.locator(".lc-usage tbody tr")).to_have_count(1)
    with person.page.expect_download() as download:
        person.page.get_by_role("link", name="JSON").click()
    whole = json.loads(download.value.path().read_text())
    assert [row["content"] for row in whole["messages"]][-1] == "hello"
    button = person.page.get_by_role("button", name="Delete all chats")
    expect(button).to_be_disabled()
    person.page.get_by_label("Delete all chats: type “delete”").fill("delete")
    button.click()
    expect(person.page.get_by_role("status")).to_have_text("All chats are deleted.")
    person.page.get_by_role("link", name="Back to the chats").click()
    expect(person.page.get_by_text("Your conversations will appear here.")).to_be_visible()


def test_an_account_is_deleted_by_typing_its_name(person: Person) -> None:
    open_settings(person)
    person.page.get_by_label(re.compile("^Delete the account")).fill(person.name)
    person.page.get_by_role("button", name="Delete account").click()
    expect(person.page).to_have_url(re.compile("/accounts/login/"))
