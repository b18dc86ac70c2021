from __future__ import annotations

import pytest

from chat.upstream.thinking import ThoughtSplitter


def split(*pieces: str) -> tuple[str, str]:
    splitter = ThoughtSplitter()
    told = [*(splitter.feed(piece) for piece in pieces), splitter.finish()]
    return "".join(thought for thought, _ in told), "".join(text for _, text in told)


ANSWERS = {
    "<think>\nWell, 1 < 2.\n\nSo yes.\n</think>\n\nYes, 1 < 2.": ("Well, 1 < 2.\n\nSo yes.", "Yes, 1 < 2."),
    "\n <think>a</think>b": ("a", "b"),
    "<thinking>a</think>b</thinking>c": ("a</think>b", "c"),
    "<thought>a</thought>b": ("a", "b"),
    "<reasoning> a </ reasoning></reasoning>b": ("a </ reasoning>", "b"),
    "<think></think>b": ("", "b"),
    "<think>\n\n</think>\n\nb\n": ("", "b\n"),
    "<think>a</think>": ("a", ""),
    "<think>it never ends </thin": ("it never ends </thin", ""),
    "<think>a</think>  b <think>c</think>": ("a", "  b <think>c</think>"),
    "The tag <think> opens a thought.": ("", "The tag <think> opens a thought."),
    "<thing>a</thing>": ("", "<thing>a</thing>"),
    "<thin": ("", "<thin"),
    "  \n ": ("", "  \n "),
    " " * 70 + "<think>a</think>": ("", " " * 70 + "<think>a</think>"),
    "<think>a" + "\n" * 100 + "b</think>c": ("a" + "\n" * 100 + "b", "c"),
    "  indented": ("", "  indented"),
    "": ("", ""),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_thought_and_text_are_told_apart_wherever_the_answer_is_cut(answer: str) -> None:
    assert split(answer) == ANSWERS[answer]
    assert split(*answer) == ANSWERS[answer]
    for first in range(len(answer) + 1):
        for second in range(first, min(first + 12, len(answer)) + 1):
            pieces = answer[:first], answer[first:second], answer[second:]
            assert split(*pieces) == ANSWERS[answer], pieces


def test_nothing_of_an_answer_without_thoughts_is_held_back() -> None:
    splitter = ThoughtSplitter()
    assert splitter.feed("Yes") == ("", "Yes")
    assert splitter.feed(" <") == ("", " <")


def test_a_thought_is_told_while_it_grows() -> None:
    splitter = ThoughtSplitter()
    assert splitter.feed("<think>We") == ("We", "")
    assert splitter.feed(" know </th") == (" know", "")
    assert splitter.feed("at>") == (" </that>", "")
