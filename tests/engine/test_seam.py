"""A joint neither repeats nor swallows a word, wherever the answer broke and however it is continued."""

from __future__ import annotations

import random

import pytest

from chat.engine.seam import Seam, anchor_of
from chat.upstream.errors import UpstreamError
from chat.upstream.types import Delta

PROSE = (
    "A rainbow is sunlight, bent and split by drops of rain. Each drop bends the light on its way in, "
    "throws it back from its far side, and bends it again on its way out.\n\n"
    "1. **Red** is bent the least, so it stands on the outside.\n"
    "2. **Violet** is bent the most, so it stands on the inside.\n\n"
    "```python\ndef angle(colour: str) -> float:\n    if colour == 'red':\n        return 42.0\n"
    "    return 40.6\n```\n\n"
    "Seen from a plane it is a whole circle 🌈, and again and again and again people are surprised. "
    "Es ist schön, that is all; the end of the rainbow cannot be reached, as it moves along "
    "with whoever looks at it."
)
CJK = (
    "彩虹是阳光被雨滴折射和反射形成的。每一滴雨都会把光分成不同的颜色,"
    "红色在外面,紫色在里面。从飞机上看,它是一个完整的圆。"
)
REPEATING = "token " * 60
TEXTS = {"prose": PROSE, "cjk": CJK, "repeating": REPEATING}


def join(so_far: str, continuation: str, *, exact: bool, size: int = 3) -> str:
    seam = Seam(so_far, exact=exact)
    text = so_far
    for start in range(0, len(continuation), size):
        text += seam.joined(Delta(text=continuation[start : start + size])).text
    return text + seam.rest().text


def break_points(text: str) -> list[int]:
    rng = random.Random(7)
    return sorted(rng.sample(range(1, len(text)), min(50, len(text) - 1)))


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("size", [3, 1000])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_goes_on_with_the_next_character_is_left_as_it_is(text: str, size: int, exact: bool) -> None:
    for at in break_points(text):
        assert join(text[:at], text[at:], exact=exact, size=size) == text


@pytest.mark.parametrize("text", [PROSE, CJK], ids=["prose", "cjk"])
def test_repeated_last_words_are_said_once(text: str) -> None:
    asked = 0
    for at in break_points(text):
        if anchor := anchor_of(text[:at]):
            asked += 1
            begin = text.rindex(anchor, 0, at)
            assert join(text[:at], text[begin:], exact=False) == text
    assert asked > 40


def test_fewer_words_than_were_asked_for_are_found_too() -> None:
    for at in break_points(PROSE)[5:]:
        words = PROSE[:at].split()
        begin = PROSE.rindex(words[-4], 0, at)
        if len(set(PROSE[begin:at].split())) > 3:
            assert join(PROSE[:at], PROSE[begin:], exact=False) == PROSE


def test_an_introduction_before_the_last_words_is_left_out() -> None:
    for at in break_points(PROSE):
        if anchor := anchor_of(PROSE[:at]):
            begin = PROSE.rindex(anchor, 0, at)
            assert join(PROSE[:at], "Sure, here is the rest:\n\n" + PROSE[begin:], exact=False) == PROSE


@pytest.mark.parametrize("size", [3, 50])
@pytest.mark.parametrize("text", [PROSE, CJK], ids=["prose", "cjk"])
def test_an_answer_begun_anew_goes_on_where_it_broke(text: str, size: int) -> None:
    for at in break_points(text):
        assert join(text[:at], text, exact=False, size=size) == text


def test_a_paragraph_begun_anew_goes_on_where_it_broke() -> None:
    starts = [0, *(n + 1 for n, letter in enumerate(PROSE) if letter == "\n" and PROSE[n + 1].isalnum())]
    for at in break_points(PROSE):
        start = max(start for start in starts if start <= at)
        if anchor_of(PROSE[:at]) and at - start > 60:
            assert join(PROSE[:at], PROSE[start:], exact=False) == PROSE


def test_an_echo_of_the_beginning_that_was_sent_is_left_out() -> None:
    for at in break_points(PROSE)[3:]:
        assert join(PROSE[:at], PROSE, exact=True) == PROSE


def test_a_space_that_a_template_has_cut_off_is_not_doubled() -> None:
    assert join("It is bent the ", " least of all.", exact=True) == "It is bent the least of all."
    assert join("if x:\n    ", " return", exact=True) == "if x:\n     return"


@pytest.mark.parametrize(
    ("so_far", "continuation", "whole"),
    [
        ("Some say the quick bro", "brown fox jumps", "Some say the quick brown fox jumps"),
        ("Some say the quick brown", "quick brown fox", "Some say the quick brown fox"),
        ("on and on", " and on", "on and on and on"),
        ("It was very ", "very good", "It was very very good"),
        ("Hel", "Hello there", "Hello there"),
    ],
)
def test_a_word_begun_again_is_finished_and_a_word_said_twice_stays(
    so_far: str, continuation: str, whole: str
) -> None:
    assert join(so_far, continuation, exact=False) == whole


def test_what_begins_anew_in_other_words_cannot_be_joined() -> None:
    other = PROSE[:100] + "Something else entirely follows here, and it is long enough to tell. " * 4
    with pytest.raises(UpstreamError):
        join(PROSE[:300], other, exact=False)


def test_new_reasoning_is_left_out() -> None:
    seam = Seam("so far", exact=True)
    assert seam.joined(Delta(reasoning="let me think", text=" and on")).reasoning == ""


def test_after_the_joint_nothing_is_held_back() -> None:
    seam = Seam("so far", exact=True)
    assert [seam.joined(Delta(text=piece)).text for piece in (" and", " on")] == [" and", " on"]
