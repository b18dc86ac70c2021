"""A text as the terms by which it is found. The same for what is searched and for what is asked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

#: What of a text is indexed; of a longer one the beginning is found and the rest is not.
MAX_CHARS = 100_000
#: A longer word is known by its beginning.
MAX_TERM = 40

#: Accents, vowel points and the Arabic stretcher: written by some, left out by others.
_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0640\u064b-\u065f\u0670]"
)
#: Written without spaces, or with endings that grow onto words: Thai, Lao, Burmese, Khmer, Kana, Han, Hangul.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
#: Vowel signs are part of Indian words, though they are no letters.
_SIGNS = "\u0900-\u0dff"
_RUNS = re.compile(f"(?P<unspaced>[{_UNSPACED}]+)|(?:(?![{_UNSPACED}])[^\\W_]|[{_SIGNS}])+")


class _Folding(dict[int, str]):
    """A table for `str.translate`, filled as characters come."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        folded = _MARKS.sub("", unicodedata.normalize("NFKD", character).casefold())
        folded = self[code] = unicodedata.normalize("NFC", folded)
        return folded


_folding = _Folding()


def fold(text: str) -> str:
    """`text` without case, accents and variants of width, character by character."""
    return text.lower() if text.isascii() else text.translate(_folding)


def fold_with_places(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters and for its end the place in `text`."""
    parts = [_folding[ord(character)] for character in text]
    places = [index for index, part in enumerate(parts) for _ in part]
    return "".join(parts), [*places, len(text)]


def terms_of(text: str) -> list[str]:
    """The distinct terms under which `text` is kept."""
    terms: dict[str, None] = {}
    for run, unspaced in runs(fold(text[:MAX_CHARS])):
        if not unspaced:
            terms[run[:MAX_TERM]] = None
            continue
        for pair in pairwise(run):
            terms["".join(pair)] = None
        # The last character has no pair of its own, and may be asked for alone.
        terms[run[-1]] = None
    return list(terms)


def runs(folded: str) -> Iterator[tuple[str, bool]]:
    """The words and unspaced runs of a folded text, each with whether it is unspaced."""
    for match in _RUNS.finditer(folded):
        yield match[0], match["unspaced"] is not None


def is_unspaced(character: str) -> bool:
    """Whether it belongs to a writing in which words have no beginnings to look for."""
    return any(unspaced for _, unspaced in runs(character))
