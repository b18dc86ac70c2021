"""The place in a text that a search has found, with the words found marked."""

from __future__ import annotations

import re

from .query import Query
from .terms import fold, fold_with_places, is_unspaced

#: Characters shown before the first word found, and in all.
BEFORE = 40
LENGTH = 160
#: How much of a text is looked at at once.
_WINDOW = 4096

Pieces = list[tuple[str, bool]]


def snippet(text: str, query: Query) -> Pieces:
    """About `LENGTH` characters of `text` around the first word found, as pieces with "is it found".

    Without any word in it, the beginning.
    """
    marked = _pattern(query)
    at = _first(text, marked) if marked else 0
    start = max(0, at - BEFORE)
    if start:
        # From the beginning of a word, where the writing has such.
        blank = text.find(" ", start, at)
        start = blank + 1 if blank >= 0 else start
    part = " ".join(text[start : start + 2 * LENGTH].split())
    cut = part[:LENGTH]
    if len(part) > LENGTH and " " in cut[LENGTH // 2 :]:
        cut = cut.rsplit(" ", 1)[0]
    pieces = mark(cut, query)
    if start:
        pieces.insert(0, ("…", False))
    if len(cut) < len(part) or len(text) > start + 2 * LENGTH:
        pieces.append(("…", False))
    return pieces


def mark(text: str, query: Query) -> Pieces:
    """The whole of `text`, in pieces, with what is found marked."""
    marked = _pattern(query)
    if marked is None:
        return [(text, False)]
    folded, places = fold_with_places(text)
    pieces: Pieces = []
    done = 0
    for match in marked.finditer(folded):
        begin, end = places[match.start("found")], places[match.end("found")]
        if begin < done or begin == end:
            continue
        if begin > done:
            pieces.append((text[done:begin], False))
        pieces.append((text[begin:end], True))
        done = end
    if done < len(text):
        pieces.append((text[done:], False))
    return pieces


def _pattern(query: Query) -> re.Pattern[str] | None:
    """What is marked, in folded texts: from the beginning of a word on, or anywhere in unspaced writing."""
    if not query.marks:
        return None
    longest_first = sorted(query.marks, key=len, reverse=True)
    found = "|".join(
        ("" if is_unspaced(word[0]) else r"(?<![^\W_])") + re.escape(word) for word in longest_first
    )
    return re.compile(f"(?P<found>{found})")


def _first(text: str, marked: re.Pattern[str]) -> int:
    for start in range(0, len(text), _WINDOW):
        # A little of the next one, for a word that lies across.
        window = text[start : start + _WINDOW + 64]
        if match := marked.search(fold(window)):
            _, places = fold_with_places(window)
            return start + places[match.start("found")]
    return 0
