"""What somebody has written is theirs: it is never lost, and never ends up where it does not belong."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Route, WebSocketRoute, expect

from chat.testing.scripted_upstream import ScriptedUpstream

from .person import COMPOSER, Person

READ = re.compile(r"/api/conversations/[0-9a-f-]{36}/$")


class Held:
    """Keeps the frames of one kind back that the page sends, until they are let go, or refused."""

    def __init__(self, person: Person, kind: str = "send") -> None:
        self.frames: list[dict[str, Any]] = []
        self._kind = kind
        self._holding = True
        self._person = person
        person.page.route_web_socket(re.compile("/ws/$"), self._routed)
        person.page.reload()
        person.page.wait_for_selector(COMPOSER)

    def _routed(self, route: WebSocketRoute) -> None:
        self._page, self._server = route, route.connect_to_server()
        route.on_message(self._said)

    def _said(self, text: str | bytes) -> None:
        frame = json.loads(text)
        if self._holding and isinstance(frame, dict) and frame["type"] == self._kind:
            self.frames.append(frame)
        else:
            self._server.send(text)

    def wait(self, count: int = 1) -> None:
        while len(self.frames) < count:
            # Playwright tells of frames only while it is waited for.
            self._person.page.wait_for_timeout(20)

    def let_go(self) -> None:
        self._holding = False
        for frame in self.frames:
            self._server.send(json.dumps(frame))

    def refuse(self) -> None:
        self.wait()
        refusal = {
            "type": "error",
            "id": self.frames[0]["id"],
            "code": "rate_limited",
            "message": "Slowly, please.",
        }
        self._page.send(json.dumps(refusal))


def new_chat(person: Person) -> None:
    person.page.get_by_role("link", name="New chat").first.click()


def field(person: Person) -> Any:
    return person.page.locator(COMPOSER)


def test_what_is_refused_later_goes_back_to_the_chat_it_was_written_in(person: Person) -> None:
    person.ask(tokens=["one"])
    person.expect_done()
    address = person.page.url
    held = Held(person)
    person.ask("meant for the first chat")
    held.wait()
    new_chat(person)
    person.write("of another one")
    held.refuse()
    expect(person.notices).to_contain_text("Slowly, please.")
    expect(field(person)).to_have_value("of another one")
    person.page.goto(address)
    expect(field(person)).to_have_value("meant for the first chat")
    new_chat(person)
    expect(field(person)).to_have_value("of another one")


def test_what_is_refused_stands_before_what_was_written_since(person: Person) -> None:
    held = Held(person)
    person.ask("the first thought")
    held.wait()
    person.write("and the next")
    held.refuse()
    expect(field(person)).to_have_value("the first thought\n\nand the next")
    person.page.reload()
    expect(field(person)).to_have_value("the first thought\n\nand the next")


def test_what_is_sent_before_the_chat_has_been_read_comes_behind_it(
    person: Person, upstream: ScriptedUpstream
) -> None:
    person.ask(tokens=["one"])
    person.expect_done()
    routes: list[Route] = []
    person.page.route(READ, lambda route: routes.append(route))
    person.page.reload()
    person.page.wait_for_selector(COMPOSER)
    person.ask("and then?")
    expect(person.page.locator(".lc-queue li")).to_have_text(re.compile("and then?"))
    person.page.get_by_role("button", name="Send now").click()
    assert routes
    for route in routes:
        route.continue_()
    person.page.unroute(READ)
    expect(person.answers).to_have_count(2)
    person.expect_done()
    expect(person.page.locator(".lc-queue li")).to_have_count(0)
    expect(person.page.locator(".lc-user")).to_have_count(2)
    sent = upstream.seen[-1].body["messages"]
    assert [message["role"] for message in sent][-3:] == ["user", "assistant", "user"]


def test_what_waits_in_a_new_chat_stays_with_it_when_it_is_left(person: Person) -> None:
    person.ask(tokens=["another chat"])
    person.expect_done()
    other = person.page.url
    new_chat(person)
    held = Held(person)
    person.ask(tokens=["the first"])
    held.wait()
    person.ask(tokens=["the second"])
    expect(person.page.locator(".lc-queue li")).to_have_count(1)
    person.page.locator("llmchat-list a").first.click()
    person.page.wait_for_url(other)
    held.let_go()
    person.page.wait_for_function(
        "() => !Object.keys(localStorage).some((key) => key.includes('queue:'))", timeout=20_000
    )
    expect(person.page.locator(".lc-user")).to_have_count(1)
    expect(person.page.locator("llmchat-list a")).to_have_count(2)
    person.page.locator("llmchat-list a").filter(has_text="the first").click()
    expect(person.page.locator(".lc-user")).to_have_count(2)
    expect(person.prose).to_have_text("the second")


def test_the_parameters_of_one_chat_are_not_kept_for_another(person: Person) -> None:
    person.ask(tokens=["one"])
    person.expect_done()
    tune = person.page.locator("[data-do=tune]")
    prompt = person.page.locator(".lc-tuner textarea")
    tune.click()
    prompt.fill("Be brief.")
    person.page.get_by_role("button", name="Done").click()
    new_chat(person)
    person.page.wait_for_url(person.url + "/")
    tune.click()
    expect(prompt).to_have_value("")
    prompt.fill("Only for the new one.")
    person.page.go_back()
    expect(person.answers).to_have_count(1)
    expect(person.page.locator(".lc-tuner")).to_have_count(0)
    person.page.reload()
    tune.click()
    expect(prompt).to_have_value("Be brief.")
    new_chat(person)
    tune.click()
    expect(prompt).to_have_value("Only for the new one.")


def test_a_suggestion_leaves_what_was_written_beside_it(person: Person) -> None:
    person.write("half a thought")
    person.page.locator("[data-do=suggest]").first.click()
    person.expect_done()
    expect(field(person)).to_have_value("half a thought")
    person.page.reload()
    expect(field(person)).to_have_value("half a thought")


def test_a_tab_that_sends_does_not_take_another_one_s_draft_along(person: Person) -> None:
    other = person.other_tab()
    other.write("still thinking")
    person.ask(tokens=["one"])
    person.expect_done()
    other.page.locator("llmchat-list a").first.click()
    expect(other.answers).to_have_count(1)
    new_chat(other)
    expect(field(other)).to_have_value("still thinking")


def test_what_is_typed_before_the_scripts_have_come_joins_the_draft(person: Person) -> None:
    person.write("kept from before")
    routes: list[Route] = []
    person.page.route("**/app.js", lambda route: routes.append(route))
    person.page.goto(person.url, wait_until="commit")
    person.page.fill("llmchat-composer textarea", "typed early")
    while not routes:
        person.page.wait_for_timeout(20)
    for route in routes:
        route.continue_()
    expect(field(person)).to_have_value("kept from before\n\ntyped early")


def test_an_edit_while_signed_out_is_kept(person: Person) -> None:
    person.ask(tokens=["one"])
    person.expect_done()
    other = person.other_tab()
    other.page.get_by_role("button", name="Sign Out").click()
    other.page.wait_for_url("**/login/**")
    person.ask("a new thought")
    expect(person.notices).to_contain_text("You are signed out.")
    person.page.locator(".lc-user").get_by_role("button", name="Edit").click()
    editor = person.page.locator(".lc-user").get_by_role("textbox")
    editor.fill("put better")
    editor.press("Enter")
    expect(person.notices).to_contain_text("You are signed out.")
    expect(field(person)).to_have_value("put better\n\na new thought")
    person.notices.get_by_role("link", name="Sign in").click()
    person.sign_in(person.name)
    expect(field(person)).to_have_value("put better\n\na new thought")


@pytest.mark.parametrize("place", ["heading", "list"])
def test_who_clicks_away_from_a_title_being_renamed_writes_where_they_have_clicked(
    person: Person, place: str
) -> None:
    person.ask(count=40, rate=20)
    person.wait_for_text(10)
    if place == "heading":
        person.page.locator(".lc-title").click()
    else:
        person.page.locator("llmchat-list a").first.focus()
        person.page.keyboard.press("F2")
    person.page.get_by_role("textbox", name="Title").fill("Renamed")
    # The answer ends while the field is open.
    person.expect_done()
    field(person).click()
    person.page.keyboard.type("written on")
    expect(field(person)).to_have_value("written on")
    expect(person.page.locator(".lc-title-text")).to_have_text("Renamed")
    assert person.problems == []
