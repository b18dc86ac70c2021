from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.upstream.sse import EventSplitter

from .reading import splits

CASES = [
    ("one", b"data: a\n\n", [(b"", b"a")]),
    ("two", b"data: a\n\ndata: b\n\n", [(b"", b"a"), (b"", b"b")]),
    ("crlf", b"data: a\r\n\r\ndata: b\r\n\r\n", [(b"", b"a"), (b"", b"b")]),
    ("cr", b"data: a\r\rdata: b\r\r", [(b"", b"a"), (b"", b"b")]),
    ("mixed line ends", b"data: a\r\ndata: b\n\rdata: c\r\r\n", [(b"", b"a\nb"), (b"", b"c")]),
    ("many blank lines", b"\n\r\n\r\rdata: a\n\n\n\n", [(b"", b"a")]),
    ("no space", b"data:a\n\n", [(b"", b"a")]),
    ("one space goes, two stay one", b"data:  a\n\n", [(b"", b" a")]),
    ("several lines", b"data: a\ndata:\ndata: b\n\n", [(b"", b"a\n\nb")]),
    ("field without colon", b"data\n\n", [(b"", b"")]),
    ("comment", b": a\n:\n:data: b\n\ndata: c\n\n", [(b"", b"c")]),
    ("comment inside an event", b"data: a\n: x\ndata: b\n\n", [(b"", b"a\nb")]),
    ("name", b"event: error\ndata: a\n\ndata: b\n\n", [(b"error", b"a"), (b"", b"b")]),
    ("name without data", b"event: error\n\ndata: b\n\n", [(b"", b"b")]),
    ("name behind the data", b"data: a\nevent: x\n\n", [(b"x", b"a")]),
    ("other fields", b"id: 1\nretry: 5\nfoo: bar\nfoo\ndata: a\n\n", [(b"", b"a")]),
    ("field of a similar name", b"data2: a\ndatabase: b\n\n", []),
    ("byte order mark", b"\xef\xbb\xbfdata: a\n\n", [(b"", b"a")]),
    ("late byte order mark", b"data: \xef\xbb\xbfa\n\n\xef\xbb\xbfdata: b\n\n", [(b"", b"\xef\xbb\xbfa")]),
    ("utf-8", "data: añ日😀\n\n".encode(), [(b"", "añ日😀".encode())]),
    (
        "unicode line separators are no line ends",
        "data: a\u2028b\u2029c\u0085d\v\f\x1ee\n\n".encode(),
        [(b"", "a\u2028b\u2029c\u0085d\v\f\x1ee".encode())],
    ),
    ("invalid bytes", b"data: \xff\xfe\x00\n\n", [(b"", b"\xff\xfe\x00")]),
    ("naked document", b'{"error": 1}\ndata: a\n\n', [(b"", b'{"error": 1}'), (b"", b"a")]),
    ("naked page", b"<html>\n", [(b"", b"<html>")]),
    ("colons in the data", b"data: a: b:c\n\n", [(b"", b"a: b:c")]),
]  # fmt: skip


def events_of(pieces: list[bytes], **caps: int) -> list[tuple[bytes, bytes]]:
    splitter = EventSplitter(**caps)
    return [(event.name, event.data) for piece in pieces for event in splitter.feed(piece)]


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_events_are_the_same_under_every_split_point(
    body: bytes, expected: list[tuple[bytes, bytes]]
) -> None:
    for head, tail in splits(body):
        assert events_of([head, tail]) == expected, (head, tail)


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_events_are_the_same_byte_by_byte(body: bytes, expected: list[tuple[bytes, bytes]]) -> None:
    assert events_of([bytes([byte]) for byte in body]) == expected


@given(
    st.lists(
        st.sampled_from([b"data: a", b"data:", b":", b"event: x", b"\r", b"\n", b"\r\n", b"\xf0\x9f\x98\x80"])
    ),
    st.lists(st.integers(0, 80)),
)
def test_no_cutting_changes_the_events(parts: list[bytes], places: list[int]) -> None:
    body = b"".join(parts)
    cuts = sorted({0, len(body), *(place for place in places if place <= len(body))})
    pieces = [body[a:b] for a, b in pairwise(cuts)]
    assert events_of(pieces) == events_of([body])


def test_an_event_without_its_blank_line_waits_for_the_end() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: [DONE]") == []
    assert [event.data for event in splitter.finish()] == [b"[DONE]"]


def test_the_end_of_a_whole_stream_adds_nothing() -> None:
    splitter = EventSplitter()
    assert len(splitter.feed(b"data: a\n\n")) == 1
    assert splitter.finish() == []


@pytest.mark.parametrize(
    "pieces",
    [
        [b"data: " + b"x" * 100],
        [b"data: "] + [b"x"] * 100,
        [b"data: " + b"x" * 100 + b"\n\n"],
        [b":" * 101 + b"\n"],
    ],
    ids=["unterminated", "in small pieces", "terminated", "comment"],
)
def test_a_line_beyond_its_cap_is_refused(pieces: list[bytes]) -> None:
    splitter = EventSplitter(max_line_bytes=100, max_event_bytes=1000)
    events = [event for piece in pieces for event in splitter.feed(piece)]
    assert splitter.overflowed
    assert events == []


def test_a_line_within_its_cap_is_not_refused() -> None:
    splitter = EventSplitter(max_line_bytes=100, max_event_bytes=1000)
    assert [event.data for event in splitter.feed(b"data: " + b"x" * 94 + b"\n\n")] == [b"x" * 94]
    assert not splitter.overflowed


@pytest.mark.parametrize("line", [b"data: 12345678\n", b"data\n"], ids=["with data", "empty"])
def test_an_event_of_many_lines_is_refused_beyond_its_cap(line: bytes) -> None:
    splitter = EventSplitter(max_line_bytes=100, max_event_bytes=1000)
    for _ in range(1001):
        splitter.feed(line)
    assert splitter.overflowed


def test_events_before_a_line_that_is_too_long_are_not_lost() -> None:
    splitter = EventSplitter(max_line_bytes=10, max_event_bytes=100)
    assert [event.data for event in splitter.feed(b"data: a\n\ndata: 12345678\n\ndata: b\n\n")] == [b"a"]
    assert splitter.overflowed
