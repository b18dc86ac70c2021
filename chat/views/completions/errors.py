"""What went wrong, as clients of OpenAI's API expect to be told."""

from __future__ import annotations

from typing import Any

import msgspec
from django.http import HttpResponse

from ...exceptions import SENTENCES, Refused
from ...keys import BadKey

INVALID = "invalid_request_error"
SERVER = "server_error"
#: Seconds after which a busy provider may be asked again, where it does not say so itself.
BUSY_SECONDS = 5

#: Code of the protocol -> status, and `type`, `code` and `param` of the error.
_SHAPES: dict[str, tuple[int, str, str | None, str | None]] = {
    "bad_frame": (400, INVALID, None, None),
    "too_large": (413, INVALID, "request_too_large", None),
    "not_found": (404, INVALID, "not_found", "metadata"),
    "forbidden": (403, "permission_error", "permission_denied", None),
    "conflict": (409, INVALID, "conflict", None),
    "busy": (409, INVALID, "conversation_busy", "metadata"),
    "rate_limited": (429, "requests", "rate_limit_exceeded", None),
    "budget_exhausted": (429, "insufficient_quota", "insufficient_quota", None),
    "model_unavailable": (404, INVALID, "model_not_found", "model"),
    "context_too_long": (400, INVALID, "context_length_exceeded", "messages"),
    "content_filtered": (400, INVALID, "content_filter", "messages"),
    "upstream_rate_limited": (429, "requests", "rate_limit_exceeded", None),
    "upstream_auth": (502, SERVER, "upstream_auth", None),
    "upstream_unreachable": (502, SERVER, "upstream_unreachable", None),
    "upstream_protocol": (502, SERVER, "upstream_protocol", None),
    "upstream_error": (502, SERVER, "upstream_error", None),
    "upstream_timeout": (504, SERVER, "upstream_timeout", None),
    "shutting_down": (503, SERVER, "shutting_down", None),
    "unavailable": (503, SERVER, "unavailable", None),
    "internal": (500, SERVER, "internal_error", None),
}


class Problem(Exception):
    """Raised for a call that gets an error instead of an answer."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = INVALID,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "type": type, "param": param, "code": code}
        self.retry_after = retry_after

    @property
    def body(self) -> bytes:
        """`{"error": {"message", "type", "param", "code"}}`."""
        return msgspec.json.encode({"error": self.error})

    def response(self) -> HttpResponse:
        """The error as an HTTP response that no cache keeps."""
        response = HttpResponse(self.body, content_type="application/json", status=self.status)
        response["Cache-Control"] = "no-store"
        if self.retry_after is not None:
            response["Retry-After"] = str(max(1, round(self.retry_after)))
        if self.status == 401:
            response["WWW-Authenticate"] = "Bearer"
        return response


def missing_key() -> Problem:
    """There was no key at all."""
    return Problem(401, "You did not provide an API key. Send it as: Authorization: Bearer YOUR_KEY.")


def too_large(limit: int) -> Problem:
    """The body has more than `limit` bytes."""
    return Problem(413, f"The request is larger than {limit} bytes.", code="request_too_large")


def refused(refusal: Refused, model: str = "") -> Problem:
    """What the engine or a key was refused for."""
    if isinstance(refusal, BadKey):
        return Problem(401, refusal.sentence, code="invalid_api_key")
    if refusal.code == "model_unavailable" and model:
        message = f"The model `{model}` does not exist or you do not have access to it."
        return _shaped(refusal.code, message, refusal.retry_after)
    return _shaped(refusal.code, refusal.sentence, refusal.retry_after)


def ended(end: dict[str, Any] | None) -> Problem | None:
    """Why an answer ended that is not whole; None for one that is, or that reached its greatest length."""
    if end is None:
        return _shaped("internal", str(SENTENCES["internal"]), None)
    if end["status"] == "complete" or end["reason"] == "answer_cap":
        return None
    if error := end["error"]:
        busy = BUSY_SECONDS if error["code"] == "upstream_rate_limited" else None
        return _shaped(error["code"], error["message"], busy)
    if end["reason"] == "drained":
        return _shaped("shutting_down", str(SENTENCES["shutting_down"]), 2)
    return Problem(503, "The answer was stopped.", type=SERVER, code="stopped")


def _shaped(code: str, message: str, retry_after: float | None) -> Problem:
    status, type, name, param = _SHAPES.get(code, _SHAPES["internal"])
    return Problem(status, message, type=type, code=name, param=param, retry_after=retry_after)
