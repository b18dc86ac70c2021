"""Structured logs: one JSON object a line, with what happened to what, and no word that anybody said."""

from __future__ import annotations

import datetime
import json
import logging
import traceback
from typing import Any

#: What a line may carry besides time, level, logger and message; `extra` may give more, which is left out.
FIELDS = (
    *("event", "generation", "conversation", "door", "status", "provider", "model", "attempts"),
    *("finish_reason", "error_code", "reason", "reference"),
    *("prompt_tokens", "completion_tokens", "cost", "first_token_ms", "total_ms"),
)
#: The innermost frames of an error that are kept.
MAX_FRAMES = 20


class JsonFormatter(logging.Formatter):
    """Formats records as JSON objects with the fields of `FIELDS` that they have.

    Of an exception it tells the types and places, not the words: a database quotes the row that it refuses,
    and a provider the prompt.
    """

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _error(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


def _error(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    told: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "stack": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if error.__cause__ is not None:
        told["cause"] = _error(error.__cause__)
    return told
