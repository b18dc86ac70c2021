"""Everything that the app knows of a person, for that person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Protocol

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model
from django.utils import timezone

from .rules import RULES, Person, models

BATCH = 500


class Writable(Protocol):
    """A file, or what a command writes to."""

    def write(self, text: str, /) -> Any: ...


def export(person: Person, account: dict[str, Any], out: Writable) -> dict[str, int]:
    """Writes one JSON object, row by row, whatever its size; returns how many rows of what.

    Its shape: `{"exported": moment, "account": {…}, "conversations": [row, …], "messages": […], …}`.
    """
    counts: dict[str, int] = {}
    out.write("{\n")
    out.write(f'"exported": {_json(timezone.now())},\n"account": {_json(account)}')
    for name, model in models().items():
        if RULES[name].of is None or not RULES[name].exported:
            continue
        plural = str(model._meta.model_name) + "s"
        counts[plural] = 0
        out.write(f",\n{_json(plural)}: [")
        for row in _rows(person, name, model):
            out.write(("," if counts[plural] else "") + "\n" + _json(row))
            counts[plural] += 1
        out.write("]")
    out.write("\n}\n")
    return counts


def _rows(person: Person, name: str, model: type[Model]) -> Iterator[dict[str, Any]]:
    rule = RULES[name]
    assert rule.of is not None
    fields = [
        field.attname
        for field in model._meta.concrete_fields
        if field.name not in rule.hidden and field.attname not in rule.hidden
    ]
    rows = model._base_manager.filter(rule.of(person)).order_by(*rule.order).distinct()
    yield from rows.values(*fields).iterator(chunk_size=BATCH)


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
