"""What stays of an answer's events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chat.engine.livelog import LiveLog
from chat.engine.steps import kept, whole_calls
from chat.engine.tally import Tally
from chat.models import Owner
from chat.upstream.types import Delta

WEATHER = [
    {"index": 0, "id": "call_a", "type": "function", "function": {"name": "weather", "arguments": ""}},
    {"index": 0, "function": {"arguments": '{"city": '}},
    {"index": 1, "id": "call_b", "type": "function", "function": {"name": "time", "arguments": "{}"}},
    {"index": 0, "function": {"arguments": '"Oslo"}'}},
]


def told(*deltas: Delta, max_chars: int = 1000) -> tuple[Tally, list[Any]]:
    log = LiveLog(7, Owner(user_id=1))
    tally = Tally(log, max_chars)
    for delta in deltas:
        tally.add(delta)
    tally.flush()
    return tally, [json.loads(frame) for frame in log.frames[1:]]


def test_pieces_of_calls_are_numbered_in_their_place_between_the_texts() -> None:
    _, frames = told(
        Delta("Let me see."), Delta(tool_calls=WEATHER[:2]), Delta(tool_calls=WEATHER[2:]), Delta("Well.")
    )
    assert frames == [
        [7, 1, "Let me see."],
        {"type": "event", "generation": 7, "n": 2, "kind": "tool_delta", "calls": WEATHER},
        [7, 3, "Well."],
    ]


def test_calls_count_against_the_length_of_an_answer() -> None:
    tally, frames = told(Delta("x" * 90), Delta(tool_calls=WEATHER), max_chars=200)
    assert tally.full
    assert len(frames) == 1


def test_a_message_keeps_each_call_once_and_whole_and_no_waiting() -> None:
    _, frames = told(*(Delta(tool_calls=[piece]) for piece in WEATHER))
    queued = {"type": "event", "generation": 7, "n": 1, "kind": "queued", "position": 3}
    retry = {"type": "event", "generation": 7, "n": 2, "kind": "retrying"}
    assert [
        (step["kind"], step.get("id"), step.get("name"), step.get("arguments"))
        for step in kept([queued, retry, *frames])
    ] == [
        ("retrying", None, None, None),
        ("tool_call", "call_a", "weather", '{"city": "Oslo"}'),
        ("tool_call", "call_b", "time", "{}"),
    ]


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        ([{"id": "a", "function": {"name": "f", "arguments": "{}"}}], [("a", "f", "{}")]),
        (
            [{"id": "a", "function": {"name": "f"}}, {"id": "b", "function": {"name": "g"}}],
            [("a", "f", ""), ("b", "g", "")],
        ),
        ([{"id": "a", "function": {"name": "f"}}, {"function": {"arguments": "{}"}}], [("a", "f", "{}")]),
        ([{"index": 0, "id": None, "function": None}], [("", "", "")]),
    ],
)
def test_calls_in_odd_shapes_are_put_together_all_the_same(
    pieces: list[dict[str, Any]], calls: list[tuple[str, str, str]]
) -> None:
    whole = whole_calls([{"calls": pieces}])
    assert [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in whole] == calls
