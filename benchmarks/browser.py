"""What the page costs the browser that reads it: a long answer that streams, and a long conversation opened.

The site runs in a process of its own behind a scripted provider, and Chromium's own trace says what the
main thread of the page did: every task, every frame, and every shift of the layout.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
from playwright.sync_api import Browser, Page, expect

from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream
from tests.servers import SiteProcess

COMPOSER = "llmchat-app:defined llmchat-composer textarea"
#: Bounds of the page: milliseconds of a task, of a frame's work on average, of opening.
LONGEST_TASK_MS, FRAME_MS, OPEN_MS = 50, 4, 500
#: Where other things run at the same time nobody can say what opening takes, but that it is no wait.
PATIENCE_MS = 3_000
MESSAGES = 1_000
RATE = 100
_CATEGORIES = ["toplevel", "devtools.timeline", "loading", "blink.user_timing"]


class Streamed(msgspec.Struct, frozen=True):
    """A streamed answer as the main thread of its page saw it; times are milliseconds."""

    characters: int
    seconds: float
    frames: int
    #: All work of the main thread, scripts, styles, layout and painting, by the frames drawn.
    mean_frame_ms: float
    mean_frame_cpu_ms: float
    longest_task_ms: float
    #: As `longest_task_ms`, of the thread's own time: what the machine did meanwhile is not in it. So is
    #: `mean_frame_cpu_ms`.
    longest_task_cpu_ms: float
    layout_shift: float


class Opened(msgspec.Struct, frozen=True):
    """A conversation opened by a click on its line: until its end stands there, painted."""

    messages: int
    milliseconds: float


def long_answer(characters: int) -> str:
    """An answer with prose, lists, code, tables and formulas, of at least so many characters."""
    parts: list[str] = []
    number = 0
    while sum(map(len, parts)) < characters:
        number += 1
        parts.append(_section(number))
    return "".join(parts)


def _section(n: int) -> str:
    prose = (
        f"The *{n}th* case is the one where $x_{{{n}}} < {n}$, and it costs $5 or $10. "
        "It **grows** word by word, with `code` and [a link](https://example.org/) in it, until the "
        "paragraph is long enough to take several lines of the page and to be like what a model writes.\n"
    )
    code = "\n".join(
        f'    value_{line} = compute({line}, "text {line}")  # line {line} of block {n}'
        for line in range(8 + 9 * (n % 4))
    )
    table = "\n".join(f"| row {row} | {row * n} | \\(O(n^{row})\\) | some words |" for row in range(6))
    return (
        f"## Section {n}\n\n{prose}\n$$\n\\int_0^{{{n}}} x^2 \\, dx = \\frac{{{n}^3}}{{3}}\n$$\n\n"
        f"1. first, *read*\n2. then `parse`\n   - with care\n   - and tests\n\n"
        f"```python\ndef block_{n}():\n{code}\n```\n\n"
        f"| name | value | cost | words |\n|:--|--:|:-:|---|\n{table}\n\n"
        f"> A remark on section {n}.\n\n{prose}\n"
    )


def tokens(text: str) -> list[str]:
    """`text` in pieces of about the size of a model's tokens."""
    return re.findall(r"(?s).{1,4}", text)


def stream(
    browser: Browser, page: Page, upstream: ScriptedUpstream, text: str, seconds: float | None
) -> Streamed:
    """Asks for `text` at 100 tokens a second and traces the page, for so many seconds or to the end."""
    upstream.script(Script(tokens=tokens(text), rate=RATE))
    page.evaluate(
        """() => {
          window.shifts = [];
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) {
              const nodes = entry.sources.map(({node}) => node?.parentElement?.className || node?.nodeName);
              if (!entry.hadRecentInput) window.shifts.push({value: entry.value, nodes});
            }
          }).observe({type: "layout-shift"});
        }"""
    )
    page.fill(COMPOSER, "Go on.")
    browser.start_tracing(page=page, categories=_CATEGORIES)
    page.press(COMPOSER, "Enter")
    if seconds is None:
        stop = page.get_by_role("button", name="Stop", exact=True)
        expect(stop).to_be_visible(timeout=15_000)
        expect(stop).to_be_hidden(timeout=300_000)
    else:
        page.wait_for_timeout(seconds * 1_000)
    shown = page.locator(".lc-assistant > .lc-body > .lc-prose").last.evaluate("e => e.textContent.length")
    trace = json.loads(browser.stop_tracing())["traceEvents"]
    shifts = page.evaluate("window.shifts")
    return _measured(trace, shown, sum(shift["value"] for shift in shifts))


def open_long(page: Page, conversation: str) -> Opened:
    """Opens, by a click on its line of the list, a conversation that `write_long` has written."""
    page.wait_for_selector(f'.lc-list a[href*="{conversation}"]')
    milliseconds = page.evaluate(
        """(id) => new Promise((done) => {
          const started = performance.now();
          document.querySelector(`.lc-list a[href*="${id}"]`).click();
          const look = () => {
            const thread = document.querySelector("llmchat-thread");
            const last = thread.querySelector("llmchat-message:last-child .lc-prose");
            const there = thread.querySelectorAll("llmchat-message").length === 1000
              && last?.textContent.includes("the very last word")
              && thread.scrollHeight - thread.scrollTop - thread.clientHeight < 2;
            // The frame after the next one has been painted when its callback runs.
            if (!there) requestAnimationFrame(look);
            else requestAnimationFrame(() => setTimeout(() => done(performance.now() - started)));
          };
          look();
        })""",
        conversation,
    )
    return Opened(messages=MESSAGES, milliseconds=milliseconds)


#: Run by the site itself: a conversation of 1,000 messages with answers of the usual kinds.
WRITE_LONG = """
from chat.models import Conversation, Generation, Message
from django.contrib.auth import get_user_model
user = get_user_model().objects.get(username=username)
conversation = Conversation.objects.create(owner=user, title="long", model="scripted")
parent, messages = None, []
for n in range(count):
    own = n % 2 == 0
    text = f"Question {n}, which is one or two lines long?" if own else answers[(n // 2) % len(answers)]
    if n == count - 1:
        text += "\\n\\nthe very last word"
    message = Message(
        conversation=conversation, parent=parent, role="user" if own else "assistant", content=text,
        position=n, model="" if own else "scripted",
    )
    messages.append(message)
    parent = message
Message.objects.bulk_create(messages)
Generation.objects.bulk_create(
    Generation(message=message, owner=user, status="complete", last_n=4, model="scripted")
    for message in messages if message.role == "assistant"
)
result = str(conversation.pk)
"""


def write_long(site: SiteProcess, username: str) -> str:
    """The id of a new conversation of 1,000 messages."""
    answers = [_section(n) for n in range(1, 8)] + ["A short one.", "Two lines,\n\nor a few *more*."]
    return str(site.django(WRITE_LONG, username=username, count=MESSAGES, answers=answers))


def _measured(trace: list[dict[str, Any]], shown: int, shift: float) -> Streamed:
    tasks = _tasks(trace)
    frames = sum(event["name"] == "Layerize" for event in trace if _of(event, tasks[0]))
    seconds = (tasks[-1]["ts"] - tasks[0]["ts"]) / 1e6
    return Streamed(
        characters=shown,
        seconds=seconds,
        frames=frames,
        mean_frame_ms=sum(task["dur"] for task in tasks) / 1_000 / max(frames, 1),
        mean_frame_cpu_ms=sum(task.get("tdur", task["dur"]) for task in tasks) / 1_000 / max(frames, 1),
        longest_task_ms=max(task["dur"] for task in tasks) / 1_000,
        longest_task_cpu_ms=max(task.get("tdur", task["dur"]) for task in tasks) / 1_000,
        layout_shift=shift,
    )


def _tasks(trace: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The top-level tasks of the page's main thread, in order."""
    mains = {
        (event["pid"], event["tid"])
        for event in trace
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    by_thread: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for event in trace:
        key = (event["pid"], event["tid"])
        if event["name"] == "ThreadControllerImpl::RunTask" and "dur" in event and key in mains:
            by_thread.setdefault(key, []).append(event)
    busiest = max(by_thread.values(), key=lambda tasks: sum(task["dur"] for task in tasks))
    return sorted(busiest, key=lambda task: task["ts"])


def _of(event: dict[str, Any], task: dict[str, Any]) -> bool:
    return (event["pid"], event["tid"]) == (task["pid"], task["tid"])
