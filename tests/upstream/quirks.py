"""What providers have been seen to send, and what must become of it; one row per quirk."""

from __future__ import annotations

import json
from typing import Any

import msgspec


class Quirk(msgspec.Struct, frozen=True, kw_only=True):
    """A whole body of a response with status 200, and what a reader must make of it."""

    name: str
    body: bytes
    text: str = "Hi there"
    reasoning: str = ""
    finish_reason: str | None = "stop"
    done: bool = True
    usage: tuple[int, int] | None = None
    error: str | None = None
    broke_off: bool = False
    content_type: str = "text/event-stream"


def quirk(name: str, body: bytes, **more: Any) -> Quirk:
    return Quirk(name=name, body=body, **more)


def event(body: Any) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def choice(choice: Any) -> bytes:
    return event({"choices": [choice]})


def usage(counts: Any) -> bytes:
    return event({"choices": [], "usage": counts})


def chunk(text: str | None = None, finish_reason: Any = None, **delta: Any) -> bytes:
    if text is not None:
        delta["content"] = text
    return choice({"index": 0, "delta": delta, "finish_reason": finish_reason})


HI = chunk("Hi ") + chunk("there")
STOP = chunk(finish_reason="stop")
DONE = b"data: [DONE]\n\n"
END = STOP + DONE
USAGE = {"prompt_tokens": 3, "completion_tokens": 4}


def broken(name: str, body: bytes, **more: Any) -> Quirk:
    """A stream that is not whole."""
    return quirk(name, body, **{"error": "upstream_protocol", "finish_reason": None, "done": False, **more})


def said(name: str, error: Any, code: str = "upstream_error") -> Quirk:
    """The provider says, behind some text, that something went wrong."""
    return broken(name, HI + event(error), error=code)


QUIRKS = [
    quirk("plain", HI + END),
    # The end
    quirk("empty_finish_reason_until_done", chunk("Hi there", "") + DONE, finish_reason=None),
    quirk("no_finish_reason_key", choice({"delta": {"content": "Hi there"}}) + END),
    quirk("done_without_finish_reason", HI + DONE, finish_reason=None),
    quirk("no_done", HI + STOP, done=False),
    quirk("done_without_blank_line", HI + STOP + b"data: [DONE]"),
    quirk("done_without_space", HI + STOP + b"data:[DONE]\n\n"),
    quirk("content_in_the_finish_chunk", chunk("Hi ") + chunk("there", "stop") + DONE),
    quirk("empty_chunk_after_finish", HI + STOP + chunk("") + DONE),
    quirk("text_after_finish", chunk("Hi ", "stop") + chunk("there", "stop") + DONE),
    quirk(
        "finish_reason_on_every_chunk",
        chunk("Hi ", "stop") + chunk("there", "length") + DONE,
        finish_reason="length",
    ),
    quirk("error_after_finish", HI + STOP + event({"error": {"message": "late"}}), done=False),
    quirk("garbage_after_finish", HI + STOP + b"data: {oops\n\n", done=False),
    quirk("all_after_done_is_ignored", HI + END + chunk(" and more") + event({"error": "late"})),
    quirk(
        "finish_reason_of_another_dialect",
        HI + chunk(finish_reason="MAX_TOKENS") + DONE,
        finish_reason="length",
    ),
    quirk(
        "finish_reason_with_nul_is_storable",
        HI + chunk(finish_reason="st\0op") + DONE,
        finish_reason="st\ufffdop",
    ),
    quirk(
        "endless_finish_reason_is_cut", HI + chunk(finish_reason="x" * 1000) + DONE, finish_reason="x" * 32
    ),
    quirk(
        "provider_gave_up",
        HI + chunk(finish_reason="insufficient_system_resource") + DONE,
        finish_reason=None,
        done=False,
        error="upstream_error",
    ),
    quirk(
        "provider_gave_up_with_text",
        chunk("Hi there", "error") + DONE,
        finish_reason=None,
        done=False,
        error="upstream_error",
    ),
    # Shapes of the chunk
    quirk("delta_null", choice({"index": 0, "delta": None, "finish_reason": None}) + HI + END),
    quirk("no_delta", choice({"index": 0, "finish_reason": None}) + HI + END),
    quirk("content_null", choice({"index": 0, "delta": {"content": None}}) + HI + END),
    quirk("choices_empty", event({"choices": []}) + HI + END),
    quirk("choices_null", event({"choices": None}) + HI + END),
    quirk("choices_of_null", choice(None) + HI + END),
    quirk("no_choices", event({"id": "x"}) + HI + END),
    quirk("choice_without_index", choice({"delta": {"content": "Hi there"}}) + END),
    quirk("other_choices", HI + choice({"index": 1, "delta": {"content": "no"}}) + END),
    quirk("obfuscation", event({"choices": [], "obfuscation": "aXk29"}) + HI + END),
    quirk("error_null", event({"error": None, "choices": [{"delta": {"content": "Hi there"}}]}) + END),
    quirk("index_is_a_string", choice({"index": "0", "delta": {"content": "no"}}) + HI + END),
    quirk("content_is_a_number", chunk() + choice({"delta": {"content": 7}}) + HI + END),
    quirk(
        "content_in_parts",
        event(
            {
                "choices": [
                    {
                        "delta": {
                            "content": [
                                {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                                {"type": "text", "text": "Hi there"},
                                7,
                            ]
                        }
                    }
                ]
            }
        )
        + END,
        reasoning="hm",
    ),
    quirk("completion_of_the_old_kind", choice({"text": "Hi there", "index": 0}) + END),
    quirk("message_instead_of_delta", choice({"message": {"content": "Hi there"}}) + END),
    quirk("refusal", chunk(refusal="Hi there") + END),
    quirk(
        "legacy_null_everywhere",
        event(
            {
                "id": None,
                "model": None,
                "choices": [
                    {
                        "index": 0,
                        "delta": {"role": None, "content": "Hi there", "tool_calls": None, "reasoning": None},
                        "logprobs": None,
                        "finish_reason": None,
                    }
                ],
                "usage": None,
            }
        )
        + END,
    ),
    # Reasoning
    quirk("reasoning_content", chunk(reasoning_content="hm") + HI + END, reasoning="hm"),
    quirk("reasoning", chunk(reasoning="hm") + HI + END, reasoning="hm"),
    quirk(
        "both_kinds_of_reasoning", chunk(reasoning="hm", reasoning_content="hm") + HI + END, reasoning="hm"
    ),
    quirk("reasoning_beside_text", chunk("Hi there", reasoning="hm") + END, reasoning="hm"),
    quirk("reasoning_is_an_object", chunk(reasoning={"text": "hm"}) + HI + END),
    quirk("think_tags", chunk("<think>\nhm\n</think>\n\nHi there") + END, reasoning="hm"),
    quirk(
        "think_tags_in_pieces",
        b"".join(chunk(piece) for piece in ("<th", "ink", ">h", "m<", "/think>", "\n", "Hi ", "there")) + END,
        reasoning="hm",
    ),
    quirk(
        "think_tags_never_closed",
        chunk("<think>hm</th") + END,
        text="",
        reasoning="hm</th",
    ),
    quirk("think_tags_in_the_middle", chunk("Hi <think>there") + END, text="Hi <think>there"),
    # Usage
    quirk("usage_in_its_own_chunk", HI + STOP + usage(USAGE) + DONE, usage=(3, 4)),
    quirk(
        "usage_in_the_finish_chunk",
        HI + event({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": USAGE}) + DONE,
        usage=(3, 4),
    ),
    quirk("usage_without_choices", HI + STOP + event({"usage": USAGE}) + DONE, usage=(3, 4)),
    quirk("usage_null", event({"choices": [{"delta": {"content": "Hi there"}}], "usage": None}) + END),
    quirk("usage_empty", HI + STOP + usage({}) + DONE),
    quirk(
        "usage_of_another_dialect",
        HI + STOP + usage({"input_tokens": 3, "output_tokens": 4}) + DONE,
        usage=(3, 4),
    ),
    quirk(
        "usage_absurd",
        HI + STOP + usage({"prompt_tokens": -5, "completion_tokens": 10**40}) + DONE,
        usage=(0, 0),
    ),
    quirk(
        "usage_of_wrong_types",
        HI + STOP + usage({"prompt_tokens": "3", "completion_tokens": 4.0}) + DONE,
        usage=(0, 4),
    ),
    quirk("usage_is_a_list", HI + STOP + usage([1]) + DONE),
    # Text
    quirk("nul", chunk("Hi\0there") + END, text="Hi\ufffdthere"),
    quirk(
        "raw_nul", b'data: {"choices":[{"delta":{"content":"Hi\0there"}}]}\n\n' + END, text="Hi\ufffdthere"
    ),
    quirk("emoji_split_over_two_deltas", chunk("Hi \ud83d") + chunk("\ude00!") + END, text="Hi 😀!"),
    quirk(
        "emoji_split_around_reasoning",
        chunk("\ud83d") + chunk(reasoning="hm") + chunk("\ude00") + END,
        text="😀",
        reasoning="hm",
    ),
    quirk(
        "emoji_split_in_reasoning",
        chunk(reasoning="\ud83d") + chunk("Hi ") + chunk(reasoning="\ude00") + chunk("there") + END,
        reasoning="😀",
    ),
    quirk("emoji_split_around_empty_delta", chunk("\ud83d") + chunk("") + chunk("\ude00") + END, text="😀"),
    quirk("high_half_alone", chunk("a\ud83d") + chunk("b") + END, text="a\ufffdb"),
    quirk("high_half_at_the_end", chunk("a\ud83d") + END, text="a\ufffd"),
    quirk("low_half_alone", chunk("a\ude00b") + END, text="a\ufffdb"),
    quirk("two_high_halves", chunk("\ud83d") + chunk("\ud83d\ude00") + END, text="\ufffd😀"),
    quirk("escaped_pair", chunk("😀") + END, text="😀"),
    quirk(
        "line_separators_inside_json",
        'data: {"choices":[{"delta":{"content":"a\u2028b\u2029c\x85d"}}]}\n\n'.encode() + END,
        text="a\u2028b\u2029c\x85d",
    ),
    quirk("carriage_returns_inside_text", chunk("a\r\nb\rc\n") + END, text="a\r\nb\rc\n"),
    # Framing of events
    quirk("crlf", (HI + END).replace(b"\n", b"\r\n")),
    quirk("cr", (HI + END).replace(b"\n", b"\r")),
    quirk("byte_order_mark", b"\xef\xbb\xbf" + HI + END),
    quirk("comments", b": keep-alive\n\n:\n" + chunk("Hi ") + b": PROCESSING\n\n" + chunk("there") + END),
    quirk("named_events", b"event: message\nid: 7\nretry: 10\n" + HI + b"event: completion.chunk\n" + END),
    quirk("pings", b"event: ping\ndata: ping\n\ndata: \n\ndata\n\n" + HI + END),
    quirk(
        "data_over_several_lines",
        b'data: {"choices":\ndata: [{"delta":\ndata: {"content":"Hi there"}}]}\n\n' + END,
    ),
    quirk("no_blank_line_before_the_end", HI + STOP[:-1], done=False),
    quirk("declared_as_text", HI + END, content_type="text/plain"),
    quirk("declared_as_json", b"\n" + HI + END, content_type="application/json"),
    # Not a stream
    quirk(
        "whole_document",
        json.dumps(
            {
                "object": "chat.completion",
                "usage": USAGE,
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "stop",
                        "message": {"role": "assistant", "content": "Hi there"},
                    }
                ],
            },
            indent=1,
        ).encode(),
        content_type="application/json",
        done=False,
        usage=(3, 4),
    ),
    quirk(
        "whole_document_as_stream",
        b'{"choices":[{"finish_reason":"stop","message":{"content":"Hi there"}}]}',
        done=False,
    ),
    broken(
        "half_a_document", b'{"choices":[{"message":{"content":"Hi', text="", content_type="application/json"
    ),
    broken("html", b"<!DOCTYPE html><html>502</html>", text="", content_type="text/plain"),
    broken("html_as_stream", b"<html>\n<body>\n\n502</body></html>", text=""),
    broken("html_behind_text", HI + b"<html>502</html>\n"),
    broken(
        "error_document",
        b'{"error":{"message":"no such thing"}}',
        text="",
        error="upstream_error",
        content_type="application/json",
    ),
    broken(
        "naked_error_in_a_stream", HI + b'{"error":{"message":"out of memory"}}\n', error="upstream_error"
    ),
    # Broken off
    broken("nothing", b"", text="", broke_off=True),
    broken("only_comments", b": keep-alive\n\n", text="", broke_off=True),
    broken("clean_truncation", HI, broke_off=True),
    broken("half_an_event", HI + chunk("never")[:30], broke_off=True),
    broken("half_an_event_with_its_line_end", HI + b'data: {"choices":[{"delta":{"cont\n', broke_off=True),
    broken("half_a_utf8_character", HI + b'data: {"choices":[{"delta":{"content":"\xf0\x9f', broke_off=True),
    # Unusable
    broken("not_json", HI + b"data: {oops\n\n"),
    broken("not_an_object", HI + b"data: [1, 2]\n\n"),
    broken("a_number", HI + b"data: 1\n\n"),
    broken("bad_utf8", HI + b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n'),
    broken("too_deep", HI + b'data: {"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n\n"),
    broken("finish_without_content", END, text="", finish_reason="stop", done=True),
    broken(
        "filtered_without_content",
        chunk(finish_reason="content_filter") + DONE,
        text="",
        done=True,
        finish_reason="content_filter",
        error="content_filtered",
    ),
    broken("done_without_content", DONE, text="", done=True),
    # The provider says error
    broken(
        "error_event",
        HI + event({"error": {"message": "boom", "type": "server_error"}}) + DONE,
        error="upstream_error",
    ),
    said("error_is_a_string", {"error": "boom"}),
    broken(
        "error_with_choices",
        event(
            {
                "error": {"code": 502, "message": "boom"},
                "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
            }
        ),
        text="",
        error="upstream_error",
    ),
    broken("error_by_its_name", HI + b'event: error\ndata: {"message": "boom"}\n\n', error="upstream_error"),
    said("error_by_its_type", {"type": "error", "error": {"type": "overloaded_error"}}),
    said("error_as_an_object", {"object": "error", "message": "boom", "code": 400}),
    said("error_of_a_web_framework", {"detail": "Internal Server Error"}),
    said("error_rate_limit", {"error": {"code": 429, "message": "slow down"}}, "upstream_rate_limited"),
    said("error_quota", {"error": {"code": "insufficient_quota"}}, "upstream_rate_limited"),
    said(
        "error_context",
        {"error": {"message": "This model's maximum context length is 4096 tokens"}},
        "context_too_long",
    ),
    broken(
        "error_context_by_code",
        event({"error": {"code": "context_length_exceeded"}}),
        text="",
        error="context_too_long",
    ),
    said("error_auth", {"error": {"type": "authentication_error"}}, "upstream_auth"),
    said("error_filter", {"error": {"code": "content_filter"}}, "content_filtered"),
    said("error_model", {"error": {"code": "model_not_found"}}, "model_unavailable"),
]
