"""How texts are cut into terms, and what of them is marked."""

from __future__ import annotations

import pytest

from chat.search.query import parse
from chat.search.snippet import LENGTH, mark, snippet
from chat.search.terms import MAX_CHARS, MAX_TERM, fold, terms_of


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The Cat sat, the CAT!", ["the", "cat", "sat"]),
        ("Crème BRÛLÉE Straße", ["creme", "brulee", "strasse"]),
        ("我喜欢北京的秋天", ["我喜", "喜欢", "欢北", "北京", "京的", "的秋", "秋天", "天"]),
        ("iPhone手机 3月", ["iphone", "手机", "机", "3", "月"]),
        ("ﾃｽﾄ ガ", ["テス", "スト", "ト", "ガ"]),
        ("서울에서", ["서울", "울에", "에서", "서"]),
        ("مُحَمَّد", ["محمد"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("snake_case x+y", ["snake", "case", "x", "y"]),
        ("😀 …", []),
        ("w" * 100, ["w" * MAX_TERM]),
    ],
)
def test_terms(text: str, terms: list[str]) -> None:
    assert terms_of(text) == terms


def test_only_the_beginning_of_an_endless_text_is_kept() -> None:
    assert terms_of(" " * MAX_CHARS + "late") == []
    # A tsvector holds at most a megabyte: also of the worst text of that length.
    worst = "".join(map(chr, range(0x20000, 0x20000 + 40_000))) * 3
    assert sum(len(term.encode()) for term in terms_of(worst)) < 1_000_000


def test_decomposed_and_composed_are_the_same() -> None:
    assert fold("e\u0301") == fold("é") == "e"


def pieces(text: str, asked: str) -> list[str]:
    return [piece for piece, found in mark(text, parse(asked)) if found]


@pytest.mark.parametrize(
    ("text", "asked", "found"),
    [
        ("A cat, a Category, a bobcat", "cat", ["cat", "Cat"]),
        ("Crème brûlée", "creme BRUL", ["Crème", "brûl"]),
        ("我喜欢北京的秋天", "北京", ["北京"]),
        ("the ﬁne print", "fine", ["ﬁne"]),
        ("to be or not to be", '"not to"', ["not to"]),
        ("x < y", "<b>", []),
    ],
)
def test_what_is_found_is_marked_in_the_text_as_it_was_written(
    text: str, asked: str, found: list[str]
) -> None:
    assert pieces(text, asked) == found
    assert "".join(piece for piece, _ in mark(text, parse(asked))) == text


def test_a_snippet_is_short_and_around_the_first_word_found() -> None:
    text = "word " * 2_000 + "the needle in it " + "more " * 2_000
    shown = snippet(text, parse("needle"))
    whole = "".join(piece for piece, _ in shown)
    assert ("needle", True) in shown
    assert whole.startswith("…word")
    assert whole.endswith("…")
    assert len(whole) <= LENGTH + 2
    assert snippet("short", parse("other")) == [("short", False)]


@pytest.mark.parametrize("asked", ["", "   ", '"', "+-*/", '""', "😀"])
def test_signs_alone_ask_for_nothing(asked: str) -> None:
    assert not parse(asked)


def test_a_query_is_bounded() -> None:
    query = parse(" ".join(f"w{n}" for n in range(500)) + "北京" * 200)
    assert len(query.terms) + len(query.beginnings) <= 24
