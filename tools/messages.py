"""Collects what is to be translated and compiles the catalogues: `python -m tools.messages`.

Needs no gettext. New texts are added to every `.po` without a translation, those that nobody uses any
more are dropped, and the `.mo` beside it, which is what the wheel ships, is written anew.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import django
import polib
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
#: What is collected into which folder of catalogues.
SOURCES = {
    ROOT / "chat" / "locale": [ROOT / "chat"],
    ROOT / "project" / "locale": [ROOT / "project", ROOT / "templates"],
}
CALLS = {
    "_",
    "gettext",
    "gettext_lazy",
    "gettext_noop",
    "ngettext",
    "ngettext_lazy",
    "pgettext",
    "pgettext_lazy",
    "npgettext",
    "npgettext_lazy",
}
HEADER = {"Content-Type": "text/plain; charset=utf-8", "Content-Transfer-Encoding": "8bit"}
#: What tells two texts apart: context, singular, plural.
Key = tuple[str | None, str, str]


def collect(folders: list[Path]) -> dict[Key, list[str]]:
    """All texts in the Python files and templates below `folders`, with the places they are used at."""
    if not settings.configured:
        settings.configure(USE_I18N=True)
        django.setup()
    found: dict[Key, list[str]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix not in (".py", ".html", ".txt") or {"static", "locale"} & set(path.parts):
                continue
            place = str(path.relative_to(ROOT))
            code = path.read_text()
            texts = _of_python(code) if path.suffix == ".py" else _of_template(code, place)
            for key in texts:
                places = found.setdefault(key, [])
                if place not in places:
                    places.append(place)
    return found


def _of_python(code: str) -> Iterator[Key]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and (key := _key(node)) is not None:
            yield key


def _key(call: ast.Call) -> Key | None:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name not in CALLS:
        return None
    try:
        words = [ast.literal_eval(argument) for argument in call.args[:3]]
    except ValueError:
        return None
    words = [word for word in words if isinstance(word, str)]
    context = words.pop(0) if name.startswith(("p", "np")) and words else None
    if not words:
        return None
    return context, words[0], words[1] if name.startswith(("n", "np")) else ""


def _of_template(code: str, place: str) -> Iterator[Key]:
    # Python-like text in which only the calls matter.
    text = templatize(code, origin=place)
    for start in range(len(text)):
        for name in ("ngettext(", "npgettext(", "pgettext(", "gettext(", "_("):
            before = text[start - 1] if start else " "
            if text.startswith(name, start) and not (before.isalnum() or before == "_"):
                yield from _first_call(text[start:])


def _first_call(text: str) -> Iterator[Key]:
    for end in range(len(text)):
        if text[end] != ")":
            continue
        try:
            tree = ast.parse(text[: end + 1], mode="eval")
        except SyntaxError:
            continue
        key = _key(tree.body) if isinstance(tree.body, ast.Call) else None
        if key is not None:
            yield key
        return


def update(catalogue: polib.POFile, found: dict[Key, list[str]]) -> None:
    """Makes the catalogue one of exactly these texts, keeping what is translated."""
    known = {(entry.msgctxt, entry.msgid, entry.msgid_plural): entry for entry in catalogue}
    catalogue.clear()
    for key, places in sorted(found.items(), key=lambda item: (item[1][0], item[0][1])):
        entry = known.get(key) or _entry(catalogue, key)
        entry.occurrences = [(place, "") for place in sorted(places)]
        entry.flags = ["python-format"] if "%(" in key[1] or "%s" in key[1] or "%d" in key[1] else []
        catalogue.append(entry)


def _entry(catalogue: polib.POFile, key: Key) -> polib.POEntry:
    context, singular, plural = key
    if not plural:
        return polib.POEntry(msgctxt=context, msgid=singular, msgstr="")
    forms = catalogue.metadata["Plural-Forms"].partition("nplurals=")[2].partition(";")[0]
    return polib.POEntry(
        msgctxt=context,
        msgid=singular,
        msgid_plural=plural,
        msgstr_plural=dict.fromkeys(range(int(forms)), ""),
    )


def main() -> None:
    """Brings every catalogue up to date; exits with 1 when a text is not translated."""
    missing = 0
    for folder, sources in SOURCES.items():
        found = collect(sources)
        for path in sorted(folder.glob("*/LC_MESSAGES/django.po")):
            catalogue = polib.pofile(str(path), wrapwidth=100)
            update(catalogue, found)
            catalogue.save()
            catalogue.save_as_mofile(str(path.with_suffix(".mo")))
            todo = catalogue.untranslated_entries()
            missing += len(todo)
            print(f"{path.relative_to(ROOT)}: {len(catalogue)} texts, {len(todo)} not translated")
    sys.exit(missing > 0)


if __name__ == "__main__":
    main()
