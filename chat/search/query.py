"""What somebody asks for, as terms for the database and as words to look for in a text."""

from __future__ import annotations

import hashlib
import re
from itertools import pairwise

import msgspec

from ..models.owner import Owner
from .terms import MAX_TERM, fold, runs

MAX_CHARS = 200
MAX_TERMS = 12

_PIECES = re.compile(r'"([^"]*)"?|(\S+)')
#: Words cannot begin with these, so that nobody writes such a term.
TITLE = "_title"


def owner_term(owner: Owner) -> str:
    """The term that all texts of one owner have, so that the index knows whose they are."""
    who = f"{owner.user_id}|{owner.session_key}"
    return "_o" + hashlib.sha256(who.encode()).hexdigest()[:16]


class Query(msgspec.Struct, frozen=True):
    """All of it must be in one text.

    `terms` are whole, `beginnings` the beginnings of terms. `phrases` are what terms alone cannot tell:
    folded texts that have to be there as they stand. `marks` are what to highlight.
    """

    terms: tuple[str, ...] = ()
    beginnings: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms or self.beginnings)

    def holds(self, folded: str) -> bool:
        """Whether a text whose terms fit is meant indeed."""
        return all(phrase in folded for phrase in self.phrases)

    def narrowed(self, *terms: str) -> Query:
        """The same, and these terms besides."""
        return msgspec.structs.replace(self, terms=(*terms, *self.terms))


def parse(text: str) -> Query:
    """The query in `text`: words, the last letters of which may be missing, and "exact phrases".

    Nothing but signs gives an empty query.
    """
    terms: dict[str, None] = {}
    beginnings: dict[str, None] = {}
    phrases: dict[str, None] = {}
    marks: dict[str, None] = {}
    for quoted, word in _PIECES.findall(text[:MAX_CHARS]):
        piece = fold(quoted or word).strip()
        found = list(runs(piece))
        if quoted and found:
            phrases[piece] = marks[piece] = None
        for run, unspaced in found:
            if len(terms) + len(beginnings) >= MAX_TERMS:
                break
            if not quoted:
                marks[run] = None
            if unspaced and len(run) > 1:
                terms.update(dict.fromkeys(map("".join, pairwise(run))))
                if len(run) > 2:
                    phrases[run] = None
            elif unspaced:
                beginnings[run] = None
            elif len(run) > 1 and not quoted:
                beginnings[run[:MAX_TERM]] = None
            else:
                terms[run[:MAX_TERM]] = None
    return Query(tuple(terms)[:MAX_TERMS], tuple(beginnings), tuple(phrases), tuple(marks))
