"""Everything that can go wrong between us and a provider, as one exception with a code of the protocol."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

#: The codes of the wire that begin here.
CODES = frozenset(
    {
        "upstream_unreachable",
        "upstream_protocol",
        "upstream_timeout",
        "upstream_auth",
        "model_unavailable",
        "upstream_rate_limited",
        "upstream_error",
        "context_too_long",
        "content_filtered",
    }
)
MAX_DETAIL = 500
#: Seconds; a provider that wants more is as good as gone.
MAX_RETRY_AFTER = 3600.0

_REDACTED = "[redacted]"
_LOOKS_SECRET = re.compile(
    r"""\b(?:sk|pk|rk|key|gsk|xai|hf|pplx|AIza|ghp|nvapi)[-_][^\s"'<>,;]+   # the prefixes of well-known keys
      | \bAIza[\w-]{8,}
      | \b(?:bearer|basic)\s+[^\s"'<>,;]+
      | \bapi[\s_-]?key[^:=\n]{0,40}[:=]\s*["']?[^\s"'<>,;]+
    """,
    re.VERBOSE | re.IGNORECASE,
)
_OF_STATUS = {
    401: "upstream_auth",
    403: "upstream_auth",
    404: "model_unavailable",
    429: "upstream_rate_limited",
}
#: What a provider puts into the `code`, `type` or `status` of an error.
_OF_KIND = tuple(
    (code, re.compile(pattern, re.IGNORECASE))
    for code, pattern in (
        ("context_too_long", r"context_?(?:length|size|window)|max_tokens_exceeded|string_above_max_length"),
        ("content_filtered", r"content_?(?:filter|policy)|responsible_?ai|moderation|data_inspection"),
        ("upstream_rate_limited", r"rate_?limit|quota|too_?many_?requests|resource_exhausted"),
        ("upstream_auth", r"api_?key|authentication|unauthorized|unauthenticated|permission|forbidden"),
        ("model_unavailable", r"model_?not_?found|not_?found_?error"),
    )
)
#: Many have no kind for a prompt that is too long, only a sentence.
_SAYS_TOO_LONG = re.compile(
    r"context.{0,12}(?:length|size|window)|too many (?:input )?tokens|(?:prompt|input) is too long"
    r"|reduce the length|maximum number of tokens|max_new_tokens. must be",
    re.IGNORECASE,
)


class UpstreamError(Exception):
    """Raised when a provider did not give a whole answer.

    `code` is one of `CODES`, `status` the HTTP status if there was one, `retry_after` seconds. `broke_off`
    says that the stream just ceased (reset, early end), so what had come is a beginning worth going on from;
    otherwise the provider refused or its bytes were unusable. `log_detail` is for whoever looks for
    the cause by hand: the provider's words without keys, at most 500 characters; they may quote the prompt,
    so nothing logs them by itself. Neither `str()` nor a chained exception carries them.
    """

    def __init__(
        self,
        code: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        log_detail: str = "",
        broke_off: bool = False,
    ) -> None:
        super().__init__(code if status is None else f"{code} (HTTP {status})")
        self.code = code
        self.status = status
        self.retry_after = retry_after
        self.log_detail = log_detail
        self.broke_off = broke_off


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` on one line, without the given secrets and what looks like a key, cut to 500 characters."""
    text = text[: 16 * MAX_DETAIL]
    for secret in secrets:
        # Providers quote a key whole, or its beginning with stars behind it.
        if len(secret) >= 4:
            text = re.sub(re.escape(secret[:8]) + r"""[^\s"'<>,;]*""", _REDACTED, text)
    text = _LOOKS_SECRET.sub(_REDACTED, text)
    return " ".join(text.replace("\0", " ").split())[:MAX_DETAIL]


def of_status(
    status: int, headers: Mapping[str, str], body: str, secrets: Iterable[str] = ()
) -> UpstreamError:
    """The error that an HTTP response outside 2xx stands for."""
    if 300 <= status < 400:
        # Following one would carry the key to whatever host the answer names.
        code = "upstream_protocol"
    elif status in (400, 413, 422):
        code = _classify(_parsed(body)) or "upstream_error"
    else:
        code = _OF_STATUS.get(status, "upstream_error")
    return UpstreamError(
        code, status=status, retry_after=retry_after(headers), log_detail=redact(body, secrets)
    )


def of_event(error: Any, secrets: Iterable[str] = ()) -> UpstreamError:
    """The error that the `error` of an event in the middle of a stream stands for."""
    return UpstreamError(_classify(error) or "upstream_error", log_detail=redact(str(error), secrets))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the provider asks to wait, 0 to 3600; None when it does not say so intelligibly."""
    milliseconds, value = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            seconds = float(milliseconds) / 1000
        elif value is not None:
            seconds = float(value)
        else:
            return None
    except ValueError:
        seconds = _until(value or "")
    if seconds != seconds:
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _until(date: str) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except (TypeError, ValueError, OverflowError):
        return float("nan")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()


def _parsed(body: str) -> Any:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return body
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    return parsed.get("error") or parsed if isinstance(parsed, dict) else body


def _classify(error: Any) -> str | None:
    message = error
    if isinstance(error, dict):
        kinds = [error.get(key) for key in ("code", "type", "status")]
        for kind in kinds:
            if isinstance(kind, int | str) and (code := _OF_STATUS.get(_number(kind))):
                return code
        words = " ".join(kind[:100] for kind in kinds if isinstance(kind, str))
        for code, pattern in _OF_KIND:
            if pattern.search(words):
                return code
        message = error.get("message")
    if isinstance(message, str) and _SAYS_TOO_LONG.search(message[: 16 * MAX_DETAIL]):
        return "context_too_long"
    return None


def _number(kind: int | str) -> int:
    return int(kind) if isinstance(kind, int) or kind in {"401", "403", "404", "429"} else 0
