"""Every quirk of every provider, as somebody at the page sees it."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream
from tests.consumers.test_quirks import status_of
from tests.upstream.quirks import QUIRKS

from .person import Person


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


#: To one provider, at most.
ATTEMPTS = 3
#: So many answers are there, and the last one is over: it can be asked for anew, or says what became of it.
OVER = """count => {
  const answers = document.querySelectorAll(".lc-assistant");
  const last = answers[answers.length - 1];
  const over = "[data-action=regenerate], .lc-state button";
  return answers.length === count && last.querySelector(over);
}"""


def test_a_quirk_is_shown_as_what_it_means(person: Person, upstream: ScriptedUpstream) -> None:
    for count, quirk in enumerate(QUIRKS, start=1):
        body = quirk.body.decode("utf-8", "surrogateescape")
        # An answer that failed before its first token is asked for again, and must not get another one.
        upstream.forget()
        upstream.script(*[Script(body=body, content_type=quirk.content_type)] * ATTEMPTS)
        person.ask(quirk.name)
        person.page.wait_for_function(OVER, arg=count)
        if squeezed(quirk.text):
            # The first text brings the modules that draw it.
            expect(person.prose).not_to_be_empty()
        state = (person.state.text_content() or "").strip()
        whole = quirk.finish_reason not in ("length", "content_filter") and (
            quirk.text or not quirk.reasoning
        )
        assert bool(state) == (not whole or status_of(quirk) != "complete"), quirk.name
        assert squeezed(person.text()) == squeezed(quirk.text), quirk.name
    # What it would have answered further attempts is nobody else's.
    upstream.forget()
