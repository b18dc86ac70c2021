"""Statements that every answer needs, compiled once.

Django builds and compiles a query anew for each use. In the rows of an answer that was nine tenths of
all the work, twenty times what SQLite needs to run the statements; `benchmarks/` has the figures.
"""

from __future__ import annotations

import datetime
import random
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler

if TYPE_CHECKING:
    Field = models.Field[Any, Any]

M = TypeVar("M", bound=models.Model)


def here() -> BaseDatabaseWrapper:
    """The connection of this thread, without the proxy around it, which costs at every look."""
    return connections[DEFAULT_DB_ALIAS]


class Statement:
    """SQL with the places of its values. A value that is None has SQL of its own (`IS NULL`)."""

    def __init__(
        self, sql: str, params: Sequence[Any], fields: dict[str, Field], stand_ins: dict[str, Any]
    ) -> None:
        connection = here()
        self.sql = sql
        self._params = list(params)
        self._places = []
        for name, stand_in in stand_ins.items():
            if stand_in is None:
                continue
            prepared = fields[name].get_db_prep_value(stand_in, connection)
            places = [place for place, param in enumerate(params) if param == prepared]
            if not places:
                raise ValueError(f"{name} is not in {sql}")
            self._places.append((name, fields[name], places))

    def bind(self, values: dict[str, Any], before: Sequence[Any] = ()) -> list[Any]:
        """The parameters for these values; `before` replaces the first ones."""
        connection = here()
        params = self._params.copy()
        params[: len(before)] = before
        for name, field, places in self._places:
            prepared = field.get_db_prep_value(values[name], connection)
            for place in places:
                params[place] = prepared
        return params


class Select(Generic[M]):
    """`make` builds the query of `model` from keyword arguments; call it with those for the rows.

    Each argument is the value of the field of its name, or of the one that `fields` names for it. The query
    may be of instances or of `values_list`, but has neither `select_related` nor `__in` with an argument.
    """

    def __init__(self, model: type[M], make: Callable[..., models.QuerySet[M, Any]], **fields: str) -> None:
        self._model = model
        self._make = make
        self._fields = fields
        self._compiled: dict[tuple[str, ...], tuple[Statement, SQLCompiler, list[str] | None]] = {}

    def __call__(self, **values: Any) -> list[Any]:
        """The rows: instances, or tuples."""
        connection = here()
        # By vendor, as tests change the database under a running process.
        shape = (connection.vendor, *(name for name, value in values.items() if value is None))
        if shape not in self._compiled:
            self._compiled[shape] = self._compile(values)
        statement, compiler, attributes = self._compiled[shape]
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.bind(values))
            rows = cursor.fetchall()
        converters = compiler.get_converters([column[0] for column in compiler.select])
        if converters:
            rows = list(compiler.apply_converters(rows, converters))
        if attributes is None:
            return [tuple(row) for row in rows]
        return [self._model.from_db(DEFAULT_DB_ALIAS, attributes, row) for row in rows]

    def _compile(self, values: dict[str, Any]) -> tuple[Statement, SQLCompiler, list[str] | None]:
        fields, stand_ins = _stand_ins(self._model, self._fields, values)
        queryset = self._make(**stand_ins)
        compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        compiler.connection = here()
        sql, params = compiler.as_sql()
        attributes = None
        if compiler.klass_info is not None and queryset.query.values_select == ():
            attributes = [column[0].target.attname for column in compiler.select]
        return Statement(sql, params, fields, stand_ins), compiler, attributes


class Update(Generic[M]):
    """Sets the fields `sets` of what `make` finds, as in `Select`; call it with the values of both."""

    def __init__(
        self,
        model: type[M],
        make: Callable[..., models.QuerySet[M, Any]],
        sets: tuple[str, ...],
        **fields: str,
    ) -> None:
        self._model = model
        self._make = make
        self._sets = sets
        self._fields = fields
        self._compiled: dict[tuple[str, ...], tuple[Statement, list[Field]]] = {}

    def __call__(self, sets: dict[str, Any], **values: Any) -> int:
        """How many rows were changed."""
        connection = here()
        shape = (connection.vendor, *(name for name, value in values.items() if value is None))
        if shape not in self._compiled:
            self._compiled[shape] = self._compile(values)
        statement, fields = self._compiled[shape]
        new = [
            field.get_db_prep_save(sets[name], connection)
            for name, field in zip(self._sets, fields, strict=True)
        ]
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.bind(values, new))
            return int(cursor.rowcount)

    def _compile(self, values: dict[str, Any]) -> tuple[Statement, list[Field]]:
        fields, stand_ins = _stand_ins(self._model, self._fields, values)
        compiler = self._make(**stand_ins).query.get_compiler(DEFAULT_DB_ALIAS)
        compiler.connection = here()
        compiler.pre_sql_setup()
        where, params = compiler.compile(compiler.where)
        meta, quote = self._model._meta, here().ops.quote_name
        changed = [_field(self._model, name) for name in self._sets]
        new = ", ".join(f"{_column(field)} = %s" for field in changed)
        sql = f"UPDATE {quote(meta.db_table)} SET {new} WHERE {where}"
        params = [*[None] * len(changed), *params]
        return Statement(sql, params, fields, stand_ins), changed


class Insert(Generic[M]):
    """Adds rows of a model, without its `save` and the signals around it, as `bulk_create` does."""

    def __init__(self, model: type[M]) -> None:
        self._model = model
        self._fields: list[Field] = []
        self._head = self._row = self._tail = ""

    def __call__(self, *rows: M) -> None:
        """Adds them in this order, and sets keys that the database gives."""
        connection = here()
        if not self._fields:
            self._compile()
        params = [
            field.get_db_prep_save(field.pre_save(row, add=True), connection)
            for row in rows
            for field in self._fields
        ]
        with connection.cursor() as cursor:
            cursor.execute(self._head + ", ".join([self._row] * len(rows)) + self._tail, params)
            keys = cursor.fetchall() if self._tail else ()
        for row, (key,) in zip(rows, keys, strict=False):
            row.pk = key
        for row in rows:
            row._state.adding = False
            row._state.db = DEFAULT_DB_ALIAS

    def _compile(self) -> None:
        meta, quote = self._model._meta, here().ops.quote_name
        fields = [field for field in meta.concrete_fields if not isinstance(field, models.AutoField)]
        columns = ", ".join(map(_column, fields))
        self._head = f"INSERT INTO {quote(meta.db_table)} ({columns}) VALUES "
        self._row = f"({', '.join(['%s'] * len(fields))})"
        if len(fields) < len(meta.concrete_fields):
            self._tail = f" RETURNING {_column(meta.pk)}"
        self._fields = fields


def _stand_ins(
    model: type[models.Model], names: dict[str, str], values: dict[str, Any]
) -> tuple[dict[str, Field], dict[str, Any]]:
    """The fields that these arguments are values of, and what to compile a statement with."""
    fields = {name: _field(model, names.get(name, name)) for name in values}
    return fields, {
        name: None if value is None else _stand_in(fields[name]) for name, value in values.items()
    }


def _field(model: type[models.Model], name: str) -> Field:
    """One with a column."""
    for field in model._meta.concrete_fields:
        if field.name == name or (name == "pk" and field.primary_key):
            return field
    raise ValueError(f"{model.__name__} has no column for {name}")


def _column(field: Field) -> str:
    assert field.column is not None
    return here().ops.quote_name(field.column)


def _stand_in(field: Field) -> Any:
    """A value of the field that stands nowhere else in a statement."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    match field:
        case models.UUIDField():
            return uuid.uuid4()
        case models.DateTimeField():
            micros = random.randrange(10**6)
            return datetime.datetime(1999, 9, 9, 9, 9, 9, micros, tzinfo=datetime.UTC)
        case models.IntegerField() | models.AutoField():
            return random.randrange(10**8, 2 * 10**9)
        case _:
            return uuid.uuid4().hex
