"""Full-text search over titles and messages, on SQLite (FTS5) and PostgreSQL (tsvector) alike.

What is found is decided here, not in the database: texts are folded and cut into terms in Python, of
which both databases keep an index. Scripts that are written without spaces become pairs of characters, so
that a word of two characters is found in the middle of a sentence.
"""

from __future__ import annotations

from .find import Hit, Page, conversations_matching, find
from .index import Text, forget, put, rebuild, take
from .query import Query, parse

__all__ = [
    "Hit",
    "Page",
    "Query",
    "Text",
    "conversations_matching",
    "find",
    "forget",
    "parse",
    "put",
    "rebuild",
    "take",
]
