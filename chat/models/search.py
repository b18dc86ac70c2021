from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler

if TYPE_CHECKING:
    TextualField = models.Field[str, str]
else:
    TextualField = models.Field


class TermsField(TextualField):
    """Terms with blanks between them: a `tsvector` on PostgreSQL, a text for FTS5 on SQLite."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "tsvector" if connection.vendor == "postgresql" else "text"

    def get_placeholder(self, value: Any, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> str:
        # The terms as they are: PostgreSQL's own parser would cut them once more.
        return "array_to_tsvector(string_to_array(%s, ' '))" if connection.vendor == "postgresql" else "%s"

    def from_db_value(self, value: str | None, *args: Any) -> str | None:
        return value.replace("'", "") if value else value


class SearchEntry(models.Model):
    """What a search looks at: one for each message, and one for each conversation's title.

    `source` is the message's or, for a title, the conversation's id. No key holds it: triggers take an
    entry away with its source. The newest have the highest ids. See `search/`.
    """

    id = models.BigAutoField(primary_key=True)
    source = models.UUIDField(unique=True)
    conversation_id = models.UUIDField()
    terms = TermsField()

    class Meta:
        verbose_name = "search entry"
        verbose_name_plural = "search entries"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.source)
