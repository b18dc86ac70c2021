"""The sidebar: groups, marks, search, archive, undo, temporary chats, and all of it in step."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.servers import SiteProcess

from .person import COMPOSER, Person

SEED = """
import datetime
from django.contrib.auth import get_user_model
from django.utils import timezone
from chat import search
from chat.models import Conversation, Message
owner = get_user_model()._default_manager.get(username=name)
for title, days, texts, fields in rows:
    one = Conversation.objects.create(owner=owner, title=title, **fields)
    parent = None
    for position, text in enumerate(texts):
        role = "assistant" if position % 2 else "user"
        parent = Message.objects.create(
            conversation=one, parent=parent, role=role, content=text, position=position
        )
    search.take(one)
    updated = timezone.now() - datetime.timedelta(days=days)
    Conversation.objects.filter(pk=one.pk).update(updated=updated)
"""


def seed(person: Person, site: SiteProcess, *rows: Any) -> None:
    """Gives the person conversations: title, age in days, texts, fields."""
    site.django(SEED, name=person.name, rows=[[*row, *[[], {}][len(row) - 2 :]] for row in rows])
    person.page.reload()
    expect(person.page.locator(".lc-list li").first).to_be_visible()


def titles(person: Person) -> Locator:
    return person.page.locator(".lc-list li")


def choose(person: Person, title: str, entry: str) -> None:
    row = titles(person).filter(has_text=title)
    row.hover()
    row.get_by_role("button").click()
    person.page.get_by_role("menuitem", name=entry).click()


def test_conversations_are_grouped_by_time(person: Person, site: SiteProcess) -> None:
    seed(
        person,
        site,
        ("old", 400),
        ("a month", 20),
        ("a week", 4),
        ("now", 0),
        ("kept on top", 300, [], {"pinned": True}),
    )
    headings = person.page.locator("llmchat-list h3")
    expect(headings).to_have_text(
        ["Pinned", "Today", "Previous 7 days", "Previous 30 days", re.compile(r"^\w+ \d{4}$")]
    )
    expect(titles(person)).to_have_text(["kept on top", "now", "a week", "a month", "old"])


def test_a_long_list_comes_as_it_is_scrolled_to(person: Person, site: SiteProcess) -> None:
    seed(person, site, *((f"chat {n}", n / 100) for n in range(130)))
    for _ in range(20):
        titles(person).last.scroll_into_view_if_needed()
        if titles(person).count() == 130:
            break
    expect(titles(person)).to_have_count(130)
    expect(titles(person).last).to_have_text("chat 129")


def test_the_list_is_gone_through_with_the_keyboard(person: Person, site: SiteProcess) -> None:
    seed(person, site, ("one", 0), ("two", 1), ("three", 2))
    keyboard = person.page.keyboard
    with person.page.expect_response("**/search*.js"):
        person.page.get_by_role("searchbox").focus()
    expect(person.page.locator("llmchat-search:defined")).to_be_attached()
    keyboard.press("ArrowDown")
    expect(person.page.get_by_role("link", name="one")).to_be_focused()
    keyboard.press("End")
    expect(person.page.get_by_role("link", name="three")).to_be_focused()
    keyboard.press("ArrowUp")
    keyboard.press("F2")
    keyboard.type("the second")
    keyboard.press("Enter")
    expect(person.page.get_by_role("link", name="the second")).to_be_focused()
    keyboard.press("Delete")
    expect(titles(person)).to_have_text(["one", "three"])
    expect(person.page.get_by_role("link", name="three")).to_be_focused()
    keyboard.press("Enter")
    expect(person.page).to_have_title("three")


def test_an_answer_elsewhere_breathes_and_is_then_unread(person: Person) -> None:
    person.ask(count=150, rate=30)
    person.wait_for_text(10)
    person.page.get_by_role("link", name="New chat").first.click()
    row = titles(person).first
    expect(row.get_by_role("img", name="answering")).to_be_visible()
    expect(row.get_by_role("img", name="unread")).to_be_visible(timeout=15_000)
    other = person.other_tab()
    unread = other.page.get_by_role("img", name="unread")
    expect(unread).to_be_visible()
    row.get_by_role("link").click()
    expect(row.get_by_role("img")).to_have_count(0)
    expect(unread).to_have_count(0)
    person.page.reload()
    expect(row).to_be_visible()
    expect(row.get_by_role("img")).to_have_count(0)


def test_what_is_archived_leaves_the_list_and_can_be_had_back(person: Person, site: SiteProcess) -> None:
    seed(person, site, ("bread", 0), ("boats", 1))
    other = person.other_tab()
    expect(titles(other)).to_have_count(2)
    choose(person, "bread", "Archive")
    expect(titles(person)).to_have_text(["boats"])
    expect(titles(other)).to_have_text(["boats"])
    person.notices.get_by_role("button", name="Undo").click()
    expect(titles(person)).to_have_text(["bread", "boats"])
    choose(person, "boats", "Archive")
    person.page.get_by_role("button", name="Archived").click()
    expect(person.page.get_by_role("heading", name="Archived chats")).to_be_visible()
    expect(titles(person)).to_have_text(["boats"])
    choose(person, "boats", "Unarchive")
    expect(person.page.get_by_text("Archived chats will appear here.")).to_be_visible()
    person.page.get_by_role("button", name="Back to the chats").click()
    expect(titles(person)).to_have_text(["bread", "boats"])


def test_a_deletion_is_taken_back_from_any_tab(person: Person) -> None:
    person.ask(tokens=["hello"])
    person.expect_done()
    person.write("a draft")
    address = person.page.url.removeprefix(person.url)
    other = person.other_tab(address)
    expect(other.prose).to_have_text("hello")
    choose(person, "hello", "Delete")
    expect(titles(person)).to_have_count(0)
    # The other tab had it open: it says so, and offers the way back.
    expect(other.page.get_by_role("heading", name="This conversation is not here")).to_be_visible()
    expect(other.page.get_by_text("You have deleted it.")).to_be_visible()
    # The tab that deleted it is closed before its offer has passed: nothing is lost.
    person.page.goto("about:blank")
    other.page.get_by_role("button", name="Take it back").click()
    expect(other.prose).to_have_text("hello")
    expect(titles(other)).to_have_count(1)
    expect(other.page.locator(COMPOSER)).to_have_value("a draft")


def test_words_are_found_in_messages_and_lead_to_the_place(person: Person, site: SiteProcess) -> None:
    long = [f"text {n} " + "word " * 120 for n in range(30)]
    long[11] = "the <b>needle</b> is here " + "word " * 120
    seed(
        person,
        site,
        ("A long talk", 0, long, {}),
        ("北京旅行", 1, ["我们明天去北京看长城好吗"]),
        ("Else", 2),
    )
    field = person.page.get_by_role("searchbox")
    field.fill("NEEDL")
    results = person.page.locator(".lc-results li")
    expect(results).to_have_count(1)
    expect(results.locator("mark")).to_have_text("needl")
    expect(results).to_contain_text("the <b>needle</b> is here")
    person.page.keyboard.press("ArrowDown")
    person.page.keyboard.press("Enter")
    found = person.page.locator("llmchat-message", has_text="<b>needle</b>")
    expect(found).to_be_in_viewport()
    expect(person.page).to_have_url(re.compile("/c/.*#message-"))
    field.fill("长城")
    expect(results).to_have_count(1)
    expect(results.locator("mark")).to_have_text("长城")
    field.fill("nowhere")
    expect(person.page.locator("llmchat-search")).to_contain_text("Nothing found for “nowhere”.")
    person.page.keyboard.press("Escape")
    expect(titles(person)).to_have_count(3)
    expect(field).to_be_focused()
    # The address of a place is good for a new tab.
    person.page.reload()
    expect(found).to_be_in_viewport()


def test_a_temporary_chat_is_nowhere_until_it_is_kept(person: Person) -> None:
    person.page.get_by_role("button", name="Temporary chat").click()
    expect(person.page.get_by_text("This chat is temporary")).to_be_visible()
    person.ask(tokens=["secret"])
    expect(person.prose).to_have_text("secret")
    person.expect_done()
    expect(person.page.locator(".lc-temporary-mark")).to_be_visible()
    expect(titles(person)).to_have_count(0)
    person.page.reload()
    expect(person.prose).to_have_text("secret")
    expect(titles(person)).to_have_count(0)
    person.page.get_by_role("button", name="More", exact=True).click()
    person.page.get_by_role("menuitem", name="Keep this chat").click()
    expect(titles(person)).to_have_count(1)
    expect(person.page.locator(".lc-temporary-mark")).to_be_hidden()


@pytest.mark.parametrize("whose", ["nobody's", "somebody else's"])
def test_an_address_that_is_not_mine_says_so_and_keeps_the_draft(
    person: Person, site: SiteProcess, whose: str
) -> None:
    person.write("half a thought")
    foreign = "11111111-1111-4111-8111-111111111111"
    if whose == "somebody else's":
        made = "Conversation.objects.create(session_key='x').pk"
        foreign = site.django(f"from chat.models import Conversation\nresult = str({made})")
    person.page.goto(f"{person.url}/c/{foreign}/")
    expect(person.page.get_by_text("It was deleted, or it belongs to somebody else.")).to_be_visible()
    expect(person.page.get_by_role("button", name="Take it back")).to_be_hidden()
    person.page.get_by_role("link", name="New chat").last.click()
    expect(person.page.locator(COMPOSER)).to_have_value("half a thought")
