from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.testing.recordings import Recording, recordings
from chat.upstream.chunks import ChunkDecoder
from chat.upstream.errors import UpstreamError
from chat.upstream.sse import Event
from chat.upstream.types import Delta, Usage

from .quirks import QUIRKS, Quirk
from .reading import read_pieces, splits

RECORDINGS = pytest.mark.parametrize("recording", recordings(), ids=lambda recording: recording.name)
#: Those that are streams; the sniffing of other bodies is the stream's business.
SHORT_STREAMS = [
    quirk for quirk in QUIRKS if quirk.content_type == "text/event-stream" and len(quirk.body) < 5000
]


@pytest.mark.parametrize("quirk", SHORT_STREAMS, ids=lambda quirk: quirk.name)
def test_a_quirk_reads_the_same_under_every_split_point(quirk: Quirk) -> None:
    whole = read_pieces([quirk.body])
    assert (whole.text, whole.reasoning) == (quirk.text, quirk.reasoning)
    for head, tail in splits(quirk.body):
        assert read_pieces([head, tail]) == whole, (head, tail)


@RECORDINGS
def test_a_recorded_answer_is_understood(recording: Recording) -> None:
    read = read_pieces([recording.body])
    assert read.text == recording.text
    assert read.reasoning == recording.reasoning
    assert read.usage == Usage(*recording.usage)
    assert (read.finish_reason, read.done, read.error) == (recording.finish_reason, recording.done, None)


@RECORDINGS
def test_a_recorded_answer_reads_the_same_byte_by_byte(recording: Recording) -> None:
    assert read_pieces(bytes([byte]) for byte in recording.body) == read_pieces([recording.body])


@RECORDINGS
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_a_recorded_answer_reads_the_same_however_it_is_cut(
    recording: Recording, data: st.DataObject
) -> None:
    body = recording.body
    places = data.draw(st.lists(st.integers(0, len(body)), max_size=40))
    cuts = sorted({0, len(body), *places})
    assert read_pieces(body[a:b] for a, b in pairwise(cuts)) == read_pieces([body])


@pytest.mark.slow
@RECORDINGS
def test_a_recorded_answer_reads_the_same_under_every_split_point(recording: Recording) -> None:
    whole = read_pieces([recording.body])
    for head, tail in splits(recording.body):
        assert read_pieces([head, tail]) == whole


@RECORDINGS
def test_every_beginning_of_a_recorded_answer_is_a_prefix_of_its_text(recording: Recording) -> None:
    for place in range(0, len(recording.body), 97):
        read = read_pieces([recording.body[:place]])
        assert read.error is None or place < len(recording.body)
        assert recording.text.startswith(read.text.removesuffix("\ufffd"))
        assert recording.reasoning.startswith(read.reasoning)


def decode(*bodies: object) -> list[Delta]:
    decoder = ChunkDecoder()
    deltas = (decoder.decode(Event(b"", json.dumps(body).encode())) for body in bodies)
    return [delta for delta in deltas if delta is not None]


def test_tool_calls_pass_through_and_can_be_stored() -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a"'}}
    rest = {"index": 0, "function": {"arguments": ': "\0\ud83d"}'}}
    deltas = decode(
        {"choices": [{"delta": {"tool_calls": [call]}}]},
        {"choices": [{"delta": {"tool_calls": [rest, "junk"]}}]},
        {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]},
    )
    assert [delta.tool_calls for delta in deltas] == [
        [call],
        [{"index": 0, "function": {"arguments": ': "\ufffd\ufffd"}'}}],
        None,
    ]
    assert deltas[0].has_content
    assert deltas[-1].finish_reason == "tool_calls"


def test_think_tags_can_be_left_alone() -> None:
    decoder = ChunkDecoder(think_tags=False)
    delta = decoder.decode(Event(b"", b'{"choices": [{"delta": {"content": "<think>hm</think>"}}]}'))
    assert delta == Delta("<think>hm</think>")


def test_an_event_that_adds_nothing_gives_no_delta() -> None:
    assert decode({"choices": [{"delta": {"role": "assistant", "content": ""}}]}, {"choices": []}) == []


def test_a_delta_without_text_is_no_content() -> None:
    assert not Delta(finish_reason="stop", usage=Usage(1, 2)).has_content


def test_cached_and_reasoning_tokens_are_counted() -> None:
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 8,
        "prompt_tokens_details": {"cached_tokens": 7},
        "completion_tokens_details": {"reasoning_tokens": 6},
    }
    assert [delta.usage for delta in decode({"choices": [], "usage": usage})] == [Usage(9, 8, 7, 6)]
    of_deepseek = {"prompt_tokens": 9, "completion_tokens": 8, "prompt_cache_hit_tokens": 7}
    assert [delta.usage for delta in decode({"choices": [], "usage": of_deepseek})] == [Usage(9, 8, 7)]


def test_an_error_event_keeps_the_provider_s_words_out_of_the_exception() -> None:
    with pytest.raises(UpstreamError) as caught:
        decode({"error": {"message": "Key sk-abcdefgh123 of Mr Smith is broke", "type": "billing"}})
    assert "Smith" not in str(caught.value)
    assert "Smith" in caught.value.log_detail
    assert "abcdefgh" not in caught.value.log_detail
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
