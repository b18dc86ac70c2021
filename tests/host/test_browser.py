"""The bookshop's readers and staff at their browsers: strict policy, hashed names, another mount."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from websockets.sync.client import connect

from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream
from tests.e2e.person import COMPOSER, tokens

from .conftest import REPORT_VIOLATIONS
from .hosts import Host
from .visitor import Visitor

pytestmark = pytest.mark.browser

READER, CLERK, PASSWORD = "ines@example.org", "rui@example.org", "a long way to Lisbon"
PEOPLE = f"""
from chat.models import Evening
from members.models import Member
Member.objects.create_user("{READER}", "{PASSWORD}", called="Inês")
Member.objects.create_superuser("{CLERK}", "{PASSWORD}")
Evening.objects.create(pk=1, title="Small islands", author="Marta Sousa")
"""
WORDS = 80
HASHED = re.compile(r"/assets/[\w/.-]+\.[0-9a-f]{12}\.(js|css|svg)$")
READ_STREAM = """
async ([address, messages]) => {
  const post = { method: "POST", headers: { "Content-Type": "application/json" }, body: messages };
  const response = await fetch(address, messages ? post : {});
  const pieces = [];
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) pieces.push(read.value);
  return pieces;
}
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(default=Script(count=WORDS, rate=25)) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def origin(shop: Host, upstream: ScriptedUpstream) -> Iterator[str]:
    shop.run("manage.py", "shell", "--no-imports", "-c", PEOPLE)
    daphne = ("-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "bookshop.asgi:application")
    with shop.serve(*daphne, ASSISTANT_URL=upstream.base_url) as origin:
        yield origin


@pytest.fixture
def visitor(context: BrowserContext, origin: str) -> Iterator[Visitor]:
    visitor = Visitor(context, origin)
    yield visitor
    assert visitor.problems == []
    assert visitor.strangers == []


def test_an_answer_grows_survives_a_reload_and_the_next_is_stopped_and_both_are_in_the_admin(
    browser: Browser, visitor: Visitor, upstream: ScriptedUpstream
) -> None:
    page, whole = visitor.page, tokens(WORDS)
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    visitor.visit("/help/chat/", READER, PASSWORD)
    expect(page.get_by_role("link", name="The Bookshop")).to_be_visible()
    expect(page.get_by_role("heading", name="Hello, Inês")).to_be_visible()

    visitor.ask("Which novel for a long train journey?")
    steps = [visitor.wait_for_text(length) for length in (1, 100, 200)]
    assert len(set(steps)) == 3
    assert all(whole.startswith(step) for step in steps)
    expect(page).to_have_url(re.compile(r"/help/chat/c/[0-9a-f-]{36}/$"))

    page.reload()
    assert visitor.wait_for_text(len(steps[-1])).startswith(steps[-1])
    visitor.expect_running()
    visitor.expect_done()
    assert visitor.text() == whole

    visitor.ask("And for the way back?")
    expect(visitor.answers).to_have_count(2)
    visitor.wait_for_text(50)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(visitor.state).to_contain_text("Stopped.")
    stopped = visitor.text()
    assert whole.startswith(stopped)
    assert upstream.wait_closed(-1).closed_by == "client"
    assert sockets == [f"{visitor.url.replace('http', 'ws')}/help/chat/ws/"] * 2

    clerk = Visitor(browser.new_context(locale="en"), visitor.url)
    clerk.context.add_init_script(REPORT_VIOLATIONS)
    clerk.visit("/office/", CLERK, PASSWORD)
    clerk.page.goto(f"{visitor.url}/office/llmchat/conversation/")
    row = clerk.page.locator("#result_list tbody tr", has_text=READER)
    expect(row).to_contain_text("stopped")
    row.get_by_role("link").first.click()
    content = clerk.page.locator("#content")
    for text in ("Which novel", whole, "complete", "And for the way back?", stopped, "stopped"):
        expect(content).to_contain_text(text)
    clerk.page.goto(f"{visitor.url}/office/llmchat/contentaccess/")
    expect(clerk.page.locator("#result_list")).to_contain_text(CLERK)
    clerk.page.goto(f"{visitor.url}/office/chat/answer/")
    expect(clerk.page.locator("#result_list")).to_contain_text("complete")
    expect(clerk.page.locator("#result_list")).to_contain_text("stopped")
    assert clerk.problems == []
    clerk.context.close()


def test_the_chat_in_a_page_of_the_site_stays_on_that_page(
    visitor: Visitor, upstream: ScriptedUpstream
) -> None:
    page = visitor.page
    page.goto(f"{visitor.url}/evenings/1/")
    page.get_by_role("link", name="Sign in", exact=True).click()
    visitor.identify(READER, PASSWORD)
    expect(page.get_by_role("heading", name="Small islands, with Marta Sousa")).to_be_visible()
    upstream.script(Script(count=5))
    visitor.ask("When does it begin?")
    visitor.expect_done()
    assert visitor.text() == tokens(5)
    expect(page).to_have_url(f"{visitor.url}/evenings/1/")
    assert "this evening: Small islands" in upstream.seen[-1].body["messages"][0]["content"]
    page.reload()
    expect(visitor.prose).to_have_text(re.compile(tokens(5)))


def test_all_files_come_under_names_that_may_be_kept_for_ever(
    visitor: Visitor, upstream: ScriptedUpstream
) -> None:
    upstream.script(Script(count=5))
    visitor.visit("/help/chat/", READER, PASSWORD)
    visitor.ask("Hello?")
    visitor.expect_done()
    # The renderer is fetched when an answer is near.
    visitor.page.wait_for_load_state("networkidle")
    files = {path: answer for path, answer in visitor.responses.items() if path.startswith("/assets/")}
    names = {re.sub(r"\.[0-9a-f]{12}\.", ".", path) for path in files}
    assert names >= {f"/assets/llmchat/{name}" for name in ("app.js", "socket.js", "vendor/markdown-it.js")}
    assert [path for path in files if not HASHED.search(path)] == []
    assert {answer.headers["cache-control"] for answer in files.values()} == {
        "max-age=315360000, public, immutable"
    }


def test_the_site_s_colours_are_the_chat_s(visitor: Visitor) -> None:
    visitor.visit("/help/chat/", READER, PASSWORD)
    visitor.write("red?")
    expect(visitor.send_button).to_have_css("background-color", "rgb(122, 31, 43)")
    expect(visitor.page.locator("llmchat-app")).to_have_css("background-color", "rgb(255, 250, 240)")
    expect(visitor.page.locator(COMPOSER)).to_have_css("font-family", "Georgia, serif")


def test_views_of_the_site_ask_too(visitor: Visitor, upstream: ScriptedUpstream) -> None:
    visitor.visit("/help/chat/", READER, PASSWORD)
    upstream.script(Script(tokens=["Read ", "Middlemarch."]))
    assert visitor.page.evaluate(READ_STREAM, ["/evenings/1/reading-list/"]) == ["Read Middlemarch."]
    pieces = visitor.page.evaluate(READ_STREAM, ["/evenings/1/introduction/"])
    assert "".join(pieces).strip() == tokens(WORDS)
    assert len(pieces) > 3


def test_the_http_doors_work_under_the_site_s_synchronous_middleware(visitor: Visitor) -> None:
    visitor.visit("/help/chat/", READER, PASSWORD)
    visitor.page.wait_for_selector(COMPOSER)
    messages = json.dumps([{"role": "user", "content": "Hello?"}])
    pieces = visitor.page.evaluate(READ_STREAM, ["/help/chat/api/chat", messages])
    events = "".join(pieces).removesuffix("\n\n").split("\n\n")
    assert "".join(event.removeprefix("data: ") for event in events[:-1]).strip() == tokens(WORDS)
    assert events[-1] == "data: [DONE]"
    assert len(pieces) > 3
    health = visitor.page.request.get(f"{visitor.url}/help/chat/healthz?deep=1").json()
    # The open page's: the door stands before the same engine.
    assert health["sockets"] == 1


def test_a_conversation_is_renamed_with_the_site_s_own_csrf_cookie(
    visitor: Visitor, upstream: ScriptedUpstream
) -> None:
    upstream.script(Script(count=5))
    visitor.visit("/help/chat/", READER, PASSWORD)
    visitor.ask("Hello?")
    visitor.expect_done()
    title = visitor.page.locator(".lc-title")
    title.click()
    expect(visitor.page.locator(".lc-rename")).to_be_focused()
    visitor.page.keyboard.type("Trains")
    with visitor.page.expect_response(lambda response: response.request.method == "PATCH"):
        visitor.page.keyboard.press("Enter")
    visitor.page.reload()
    expect(title).to_have_text("Trains")


def test_sockets_of_the_site_ring_beside_the_chat_s(origin: str) -> None:
    with connect(f"{origin.replace('http', 'ws')}/bell/") as socket:
        socket.send("ring")
        assert socket.recv(5) == "Coming!"
