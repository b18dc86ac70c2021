"""Usage as CSV or JSON, row by row. A spreadsheet takes none of the texts for a formula."""

from __future__ import annotations

import csv
import datetime
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

#: What a spreadsheet takes for the beginning of a formula, also in fullwidth.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class _Line:
    """What `csv` writes to: it gives the line back."""

    def write(self, line: str) -> str:
        return line


def cell(value: Any) -> Any:
    """`value` for CSV: numbers as they are, texts so that no spreadsheet computes them."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, (int, float)):
        return value
    text = value.isoformat() if isinstance(value, (datetime.date, datetime.datetime)) else str(value)
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_FORMULA) else text


def as_csv(columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Lines, the first one with the names of the columns, after a mark by which spreadsheets know UTF-8."""
    columns = list(columns)
    writer = csv.writer(_Line())
    yield "\ufeff" + str(writer.writerow(columns))
    for row in rows:
        yield str(writer.writerow([cell(row[name]) for name in columns]))


def as_json(columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """One array of objects."""
    columns = list(columns)
    before = "[\n"
    for row in rows:
        yield before + json.dumps({name: row[name] for name in columns}, default=_plain, ensure_ascii=False)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    return str(value)
