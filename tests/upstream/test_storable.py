from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.upstream.storable import Mender, mend, mend_all

ANY_TEXT = st.text(st.characters(codec=None, categories=None) | st.sampled_from("\0\ud83d\ude00a"))


def is_storable(text: str) -> bool:
    text.encode()
    return "\0" not in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a\0b", "a\ufffdb"),
        ("\ud83d\ude00", "😀"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("e\u0301 \u2028 \U0010ffff", "e\u0301 \u2028 \U0010ffff"),
    ],
)
def test_mending_replaces_only_what_cannot_be_stored(text: str, expected: str) -> None:
    assert mend(text) == expected


@given(ANY_TEXT)
def test_what_is_mended_can_be_stored(text: str) -> None:
    assert is_storable(mend(text))


@given(st.lists(ANY_TEXT))
def test_pieces_mend_to_what_the_whole_mends_to(pieces: list[str]) -> None:
    mender = Mender()
    shown = [mender.feed(piece) for piece in pieces] + [mender.finish()]
    assert all(is_storable(text) for text in shown)
    assert "".join(shown) == mend("".join(pieces))


def test_all_strings_inside_a_value_are_mended() -> None:
    value = [{"a\0": ["\ud83d", 1, None, {"b": "\ud83d\ude00"}]}]
    assert mend_all(value) == [{"a\ufffd": ["\ufffd", 1, None, {"b": "😀"}]}]
