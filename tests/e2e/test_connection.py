"""What happens to the connection is the page's affair: the reader notices nothing, or one quiet sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from chat.testing.scripted_upstream import ScriptedUpstream
from tests.servers import SiteProcess

from .person import COMPOSER, Person, tokens


@pytest.fixture
def own_site(upstream: ScriptedUpstream, tmp_path: Path) -> Iterator[SiteProcess]:
    """A site that the test may end."""
    variables = {"OPENAI_BASE_URL": upstream.base_url, "LLMCHAT_DRAIN_SECONDS": "1"}
    with SiteProcess(tmp_path, "daphne", **variables) as site:
        yield site


def test_an_answer_cut_off_again_and_again_arrives_whole(person: Person) -> None:
    person.cuttable()
    person.page.reload()
    person.ask(count=300, rate=25, pattern="wörd{n} 👍 ")
    person.wait_for_text(20)
    for _ in range(5):
        person.cut()
        person.wait_for_another_socket()
        person.wait_for_text(len(person.text()) + 20)
    person.expect_done()
    assert person.text() == "".join(f"wörd{n} 👍 " for n in range(300)).strip()
    expect(person.notices).to_be_empty()


def test_a_message_sent_without_a_connection_goes_out_once_when_it_is_back(person: Person) -> None:
    person.page.route_web_socket("**/ws/", lambda route: route.close(code=4503))
    person.page.reload()
    expect(person.notices).to_contain_text("No connection.")
    person.ask(tokens=["back ", "again"])
    expect(person.state).to_contain_text("Sending…")
    person.page.unroute_all()
    person.page.route_web_socket("**/ws/", lambda route: route.connect_to_server())
    person.page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(person.prose).to_have_text("back again")
    expect(person.notices).to_be_empty()
    person.expect_done()
    expect(person.page.locator(".lc-user")).to_have_count(1)
    person.page.reload()
    expect(person.page.locator(".lc-user")).to_have_count(1)


def test_a_message_without_an_answer_survives_a_reload(person: Person) -> None:
    person.page.route_web_socket("**/ws/", lambda route: route.close(code=4503))
    person.page.reload()
    person.ask(tokens=["after all"])
    expect(person.state).to_contain_text("Sending…")
    person.page.unroute_all()
    person.page.route_web_socket("**/ws/", lambda route: route.connect_to_server())
    person.page.reload()
    expect(person.prose).to_have_text("after all")
    expect(person.page.locator(".lc-user")).to_have_count(1)


def test_a_restart_of_the_server_passes(context: BrowserContext, own_site: SiteProcess) -> None:
    person = Person(context, own_site.base_url)
    person.enter(own_site)
    person.ask(count=200, rate=20)
    person.wait_for_text(100)
    own_site.terminate()
    person.write("still here")
    expect(person.notices).to_contain_text("No connection.", timeout=10_000)
    own_site.start()
    expect(person.state).to_contain_text("cut off", timeout=40_000)
    expect(person.notices).to_be_empty()
    kept = person.text()
    assert len(kept) >= 100
    assert tokens(200).startswith(kept)
    expect(person.page.locator(COMPOSER)).to_have_value("still here")
    person.answer.get_by_role("button", name="Continue").click()
    person.expect_done()
    assert person.text().startswith(kept)
    assert person.problems == []


def test_a_killed_server_loses_nothing_that_was_shown_a_moment_ago(
    context: BrowserContext, own_site: SiteProcess
) -> None:
    person = Person(context, own_site.base_url)
    person.enter(own_site)
    person.ask(count=500, rate=20)
    shown = person.wait_for_text(300)
    person.wait_for_text(len(shown) + 100)
    own_site.kill()
    own_site.start()
    expect(person.state).to_contain_text("cut off", timeout=40_000)
    kept = person.text()
    assert kept.startswith(shown)
    assert tokens(500).startswith(kept)


def test_signed_out_in_another_tab_it_offers_to_sign_in_and_keeps_the_draft(person: Person) -> None:
    person.page.get_by_role("link", name="New chat").first.click()
    person.ask(tokens=["one"])
    person.expect_done()
    address = person.page.url
    other = person.other_tab()
    other.page.get_by_role("button", name="Sign Out").click()
    other.page.wait_for_url("**/login/**")

    person.ask("a thought I do not want to lose")
    expect(person.notices).to_contain_text("You are signed out.")
    expect(person.page.locator(COMPOSER)).to_have_value("a thought I do not want to lose")
    person.notices.get_by_role("link", name="Sign in").click()
    person.sign_in(person.name)
    person.page.wait_for_url(address)
    expect(person.page.locator(COMPOSER)).to_have_value("a thought I do not want to lose")
    expect(person.answers).to_have_count(1)
    person.page.press(COMPOSER, "Enter")
    expect(person.answers).to_have_count(2)
    person.expect_done()


def test_signed_in_again_in_another_tab_it_goes_on_by_itself(person: Person) -> None:
    other = person.other_tab()
    other.page.get_by_role("button", name="Sign Out").click()
    other.page.wait_for_url("**/login/**")
    person.ask(tokens=["hello ", "again"])
    expect(person.notices).to_contain_text("You are signed out.")
    other.sign_in(person.name)
    other.page.wait_for_selector(COMPOSER)
    person.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(person.notices).to_be_empty()
    person.page.press(COMPOSER, "Enter")
    expect(person.prose).to_have_text("hello again")


def test_somebody_else_s_draft_is_not_shown(person: Person) -> None:
    person.write("for my eyes only")
    person.page.get_by_role("button", name="Sign Out").click()
    person.page.wait_for_url("**/login/**")
    person.sign_up("somebody-else")
    expect(person.page.locator(COMPOSER)).to_have_value("")
