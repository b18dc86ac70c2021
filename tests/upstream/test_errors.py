from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from chat.upstream.errors import CODES, UpstreamError, of_event, of_status, redact, retry_after

KEY = "sk-proj-4f9aXyZ0123456789abcdef"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, '{"error":{"message":"bad temperature","type":"invalid_request_error"}}', "upstream_error"),
        (400, '{"error":{"code":"context_length_exceeded","message":"…"}}', "context_too_long"),
        (
            400,
            '{"object":"error","message":"This model\'s maximum context length is 4096"}',
            "context_too_long",
        ),
        (400, '{"error":{"type":"exceed_context_size_error"}}', "context_too_long"),
        (
            400,
            '{"error":{"message":"prompt is too long: 210000 tokens > 200000 maximum"}}',
            "context_too_long",
        ),
        (400, '[{"error":{"message":"The input exceeds the maximum number of tokens"}}]', "context_too_long"),
        (400, "the request exceeds the available context size", "context_too_long"),
        (400, '{"error":{"code":"content_filter"}}', "content_filtered"),
        (400, '{"error":{"code":"model_not_found"}}', "model_unavailable"),
        (400, "", "upstream_error"),
        (400, "[" * 100_000, "upstream_error"),
        (401, "context length", "upstream_auth"),
        (402, "", "upstream_error"),
        (403, "", "upstream_auth"),
        (404, "", "model_unavailable"),
        (413, '{"error":{"message":"Please reduce the length of the messages"}}', "context_too_long"),
        (413, '{"error":{"code":"rate_limit_exceeded","type":"tokens"}}', "upstream_rate_limited"),
        (413, "<html>413 Request Entity Too Large</html>", "upstream_error"),
        (422, '{"detail":"[]"}', "upstream_error"),
        (429, "", "upstream_rate_limited"),
        (500, "context length", "upstream_error"),
        (503, "", "upstream_error"),
        (529, "", "upstream_error"),
        (301, "", "upstream_protocol"),
        (307, "", "upstream_protocol"),
    ],
)
def test_a_status_has_its_code(status: int, body: str, code: str) -> None:
    error = of_status(status, {}, body)
    assert error.code == code
    assert error.status == status
    assert str(error) == f"{code} (HTTP {status})"
    assert code in CODES
    assert not error.broke_off


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": 401}, "upstream_auth"),
        ({"code": "401"}, "upstream_auth"),
        ({"type": "invalid_api_key"}, "upstream_auth"),
        ({"status": "RESOURCE_EXHAUSTED"}, "upstream_rate_limited"),
        ({"type": "rate_limit_error"}, "upstream_rate_limited"),
        ({"type": "overloaded_error"}, "upstream_error"),
        ({"code": 10**30}, "upstream_error"),
        ({"code": {"code": 1}, "message": ["context length"]}, "upstream_error"),
        ({"message": "your quota and permission in 2401 words"}, "upstream_error"),
        ("too many tokens", "context_too_long"),
        (7, "upstream_error"),
        (True, "upstream_error"),
    ],
    ids=str,
)
def test_an_error_event_has_its_code(error: object, code: str) -> None:
    assert of_event(error).code == code


@pytest.mark.parametrize(
    "words",
    [
        f"Incorrect API key provided: {KEY}. You can find your key at …",
        f"Incorrect API key provided: {KEY[:8]}***********cdef.",
        f'{{"error": "bad key {KEY}"}}',
        f"header Authorization: Bearer {KEY}",
        f"x {KEY}{KEY} y",
        f"{'pad ' * 119}{KEY}",
        f"{'pad ' * 1998}{KEY}",
    ],
)
def test_the_key_is_never_in_what_is_logged(words: str) -> None:
    for detail in (
        redact(words, [KEY]),
        of_event({"message": words}, [KEY]).log_detail,
        of_status(401, {}, words, [KEY]).log_detail,
    ):
        assert KEY[:12] not in detail
        assert "cdef" not in detail
        assert len(detail) <= 500


@pytest.mark.parametrize(
    "words",
    [
        "no such key sk-abcdef0123",
        "key gsk_abcdef0123 is revoked",
        "AIzaSyAabcdef0123 is not valid",
        "Bearer abcdef0123",
        "your api key: abcdef0123",
        'Api-Key="abcdef0123"',
        "Basic abcdef0123==",
    ],
)
def test_what_looks_like_a_key_is_not_logged_either(words: str) -> None:
    assert "abcdef0123" not in redact(words)


def test_secrets_that_are_no_keys_of_known_shape_are_removed() -> None:
    assert "hunter2!" not in redact("token hunter2!x is wrong", ["hunter2!x"])


def test_words_that_are_no_secret_stay_readable_on_one_line() -> None:
    assert (
        redact("The model is\n overloaded.\0 Try\tlater", ["", "ab"]) == "The model is overloaded. Try later"
    )


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "999999"}, 3600.0),
        ({"retry-after": "inf"}, 3600.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after-ms": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 99999999999 00:00:00 GMT"}, None),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:00 +99999999999999"}, None),
    ],
)
def test_retry_after_is_read_and_capped(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_may_be_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    seconds = retry_after({"retry-after": date})
    assert seconds is not None
    assert 50 < seconds <= 60


def test_an_error_without_status_is_named_by_its_code_alone() -> None:
    assert str(UpstreamError("upstream_timeout", log_detail="secret words")) == "upstream_timeout"
