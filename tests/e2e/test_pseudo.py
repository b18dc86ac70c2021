"""In a language that nobody speaks, every word of the page is that language's, and there is room for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from playwright.sync_api import BrowserContext

from chat.testing.scripted_upstream import ScriptedUpstream
from tests.servers import SiteProcess
from tools import messages

from .looks import clipped, sideways
from .person import Person
from .test_access import STATES

KEPT = re.compile(r"(%\(\w+\)[sd]|%[sd]|\{\w+\}|<[^>]+>)")
ACCENTS = str.maketrans("aeiouyAEIOU", "áéíóúýÁÉÍÓÚ")
#: What is shown and not translated: what was written by people and models, names, keys.
FOREIGN = (
    ".lc-prose, .lc-bubble, .lc-title, .lc-list a, .lc-list [title], .lc-edit-field, .lc-model, kbd, code,"
    " .lc-reference, .lc-queue li > span, .lc-sidebar-foot, .lc-rename, option, .lc-choice small,"
    # Conversations in the palette are called what they are about.
    " li[role=option]:has([href='#llmchat-message-square'])"
)

SETTINGS = """\
from project.settings import *

LANGUAGE_CODE = "eo"
LANGUAGES = [("eo", "Pseudo")]
LOCALE_PATHS = [{folder!r}]
"""

UNTRANSLATED = """foreign => {
  const found = new Set();
  const judge = (element, text) => {
    if (/\\p{L}{2}/u.test(text) && !text.includes("⟦") && !element.closest(foreign)) found.add(text.trim());
  };
  const app = document.querySelector("llmchat-app");
  const walker = document.createTreeWalker(app, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const {parentElement: element, data} = walker.currentNode;
    if (!element.closest("script, svg, noscript")) judge(element, data);
  }
  for (const name of ["aria-label", "title", "placeholder", "alt"]) {
    for (const element of app.querySelectorAll(`[${name}]`)) judge(element, element.getAttribute(name));
  }
  return [...found];
}"""


def pseudo(text: str) -> str:
    """Longer by two fifths, accented, in brackets; placeholders and markup stay."""
    parts = [part if KEPT.fullmatch(part) else part.translate(ACCENTS) for part in KEPT.split(text)]
    return f"⟦{''.join(parts)}{' ·' * (len(text) // 5)}⟧"


@pytest.fixture(scope="module")
def pseudo_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    folder = tmp_path_factory.mktemp("pseudo")
    catalogue = polib.POFile()
    catalogue.metadata = messages.HEADER | {"Plural-Forms": "nplurals=2; plural=n != 1;"}
    for sources in messages.SOURCES.values():
        for context, singular, plural in messages.collect(sources):
            forms = {0: pseudo(singular), 1: pseudo(plural)} if plural else {}
            entry = polib.POEntry(msgctxt=context, msgid=singular, msgid_plural=plural, msgstr_plural=forms)
            entry.msgstr = "" if plural else pseudo(singular)
            if catalogue.find(singular, msgctxt=context or False) is None:
                catalogue.append(entry)
    (folder / "eo" / "LC_MESSAGES").mkdir(parents=True)
    catalogue.save_as_mofile(str(folder / "eo" / "LC_MESSAGES" / "django.mo"))
    # Not in this package, which forgets what the environment says of providers.
    (folder / "pseudo_settings.py").write_text(SETTINGS.format(folder=str(folder)))
    with (
        ScriptedUpstream() as upstream,
        SiteProcess(
            Path(folder),
            "daphne",
            DJANGO_SETTINGS_MODULE="pseudo_settings",
            PYTHONPATH=str(folder),
            OPENAI_BASE_URL=upstream.base_url,
            LLMCHAT_COMMANDS_PER_MINUTE="1000",
        ) as site,
    ):
        yield site


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_every_word_is_translated_and_has_room(
    context: BrowserContext, pseudo_site: SiteProcess, state: object
) -> None:
    person = Person(context, pseudo_site.base_url)
    person.enter(pseudo_site)
    assert callable(state)
    state(person)
    assert person.page.evaluate(UNTRANSLATED, FOREIGN) == []
    person.page.set_viewport_size({"width": 320, "height": 640})
    assert sideways(person.page) <= 0
    assert clipped(person.page) == []
