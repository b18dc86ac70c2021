"""The catalogues: complete, sound, compiled from what is written in them, and in the wheel."""

from __future__ import annotations

import gettext
import re
import shutil
import subprocess
from pathlib import Path

import polib
import pytest
from django.utils import translation

from chat.labels import labels
from tools import messages

CATALOGUES = sorted(path for folder in messages.SOURCES for path in folder.glob("*/LC_MESSAGES/django.po"))
#: `%(name)s`, `{name}`, and the markup of the few texts that have some.
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w+\}|</?\w+>")

catalogues = pytest.mark.parametrize(
    "path", CATALOGUES, ids=lambda path: str(path.relative_to(messages.ROOT))
)


def forms(entry: polib.POEntry) -> list[str]:
    """What an entry is translated to: one text, or one for each plural form."""
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def test_there_is_arabic_for_the_app_and_for_the_site() -> None:
    assert [path.parts[-5] for path in CATALOGUES] == ["chat", "project"]


@catalogues
def test_every_text_is_translated_and_no_other(path: Path) -> None:
    found = messages.collect(messages.SOURCES[path.parents[2]])
    catalogue = polib.pofile(str(path))
    held = {(entry.msgctxt, entry.msgid, entry.msgid_plural) for entry in catalogue}
    assert held == set(found)
    assert [entry.msgid for entry in catalogue.untranslated_entries()] == []
    assert [entry.msgid for entry in catalogue.fuzzy_entries()] == []
    assert all(all(forms(entry)) for entry in catalogue)


@catalogues
def test_placeholders_are_those_of_the_original(path: Path) -> None:
    for entry in polib.pofile(str(path)):
        originals = [entry.msgid, entry.msgid_plural or entry.msgid]
        allowed = {tuple(sorted(PLACEHOLDER.findall(text))) for text in originals}
        for form in forms(entry):
            held = tuple(sorted(PLACEHOLDER.findall(form)))
            # A form for exactly one, or two, need not repeat the number.
            if entry.msgid_plural and not held:
                continue
            assert held in allowed, entry.msgid


@catalogues
def test_the_compiled_catalogue_says_what_is_written(path: Path) -> None:
    with path.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for entry in polib.pofile(str(path)):
        if entry.msgid_plural:
            for index, form in entry.msgstr_plural.items():
                number = next(n for n in range(200) if compiled.plural(n) == index)  # type: ignore[attr-defined]
                assert compiled.ngettext(entry.msgid, entry.msgid_plural, number) == form
        else:
            assert compiled.gettext(entry.msgid) == entry.msgstr


@catalogues
def test_msgfmt_finds_nothing(path: Path) -> None:
    if shutil.which("msgfmt") is None:
        pytest.skip("msgfmt is not installed")
    command = ["msgfmt", "--check", "--output-file=-", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_the_page_s_words_come_in_arabic() -> None:
    with translation.override("ar"):
        assert labels()["send"] == "إرسال"


def test_texts_are_found_in_code_and_in_templates() -> None:
    found = messages.collect([messages.ROOT / "chat"])
    assert (None, "Ask anything", "") in found
    assert (None, "Hello, %(name)s", "") in found
    assert (None, "Notify me when an answer ends", "") in found
