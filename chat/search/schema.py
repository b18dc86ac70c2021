"""What the index needs of the database besides Django's table: full-text index and triggers.

Made after every `migrate`, as SQLite loses a table's triggers when Django builds that table anew.
"""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from ..models import Conversation, Message
from ..models.search import SearchEntry

ENTRIES = SearchEntry._meta.db_table
#: SQLite's index; its `rowid` is the entry's id.
INDEX = "llmchat_search"

_SQLITE = (
    # Only whether a term is in a text, not where: that is looked up in the few texts shown.
    f"CREATE VIRTUAL TABLE IF NOT EXISTS {INDEX} USING fts5(terms, content='{ENTRIES}', content_rowid='id', "
    "tokenize=\"ascii tokenchars '_'\", prefix='2 3', detail=none, columnsize=0)",
    f"CREATE TRIGGER IF NOT EXISTS {INDEX}_added AFTER INSERT ON {ENTRIES} BEGIN "
    f"INSERT INTO {INDEX}(rowid, terms) VALUES (new.id, new.terms); END",
    f"CREATE TRIGGER IF NOT EXISTS {INDEX}_changed AFTER UPDATE OF terms ON {ENTRIES} BEGIN "
    f"INSERT INTO {INDEX}({INDEX}, rowid, terms) VALUES ('delete', old.id, old.terms); "
    f"INSERT INTO {INDEX}(rowid, terms) VALUES (new.id, new.terms); END",
    f"CREATE TRIGGER IF NOT EXISTS {INDEX}_taken AFTER DELETE ON {ENTRIES} BEGIN "
    f"INSERT INTO {INDEX}({INDEX}, rowid, terms) VALUES ('delete', old.id, old.terms); END",
    *(
        f"CREATE TRIGGER IF NOT EXISTS {INDEX}_{table}_gone AFTER DELETE ON {table} BEGIN "
        f"DELETE FROM {ENTRIES} WHERE source = old.id; END"
        for table in (Message._meta.db_table, Conversation._meta.db_table)
    ),
)
_POSTGRESQL = (
    # The vectors lie apart, so that sorting many hits reads little.
    f"ALTER TABLE {ENTRIES} SET (toast_tuple_target = 128)",
    f"ALTER TABLE {ENTRIES} ALTER COLUMN terms SET STORAGE EXTERNAL",
    f"CREATE INDEX IF NOT EXISTS {INDEX}_terms ON {ENTRIES} USING gin (terms) "
    "WITH (gin_pending_list_limit = 512)",
    f"CREATE OR REPLACE FUNCTION {INDEX}_forget() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN DELETE FROM {ENTRIES} WHERE source = OLD.id; RETURN NULL; END $$",
    *(
        f"CREATE OR REPLACE TRIGGER {INDEX}_{table}_gone AFTER DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {INDEX}_forget()"
        for table in (Message._meta.db_table, Conversation._meta.db_table)
    ),
)


def install(using: str, **kwargs: Any) -> None:
    """Makes what is missing of index and triggers; listens to `post_migrate`."""
    connection = connections[using]
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        if ENTRIES not in tables:
            return
        for statement in _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE:
            cursor.execute(statement)
    if connection.vendor == "sqlite" and INDEX not in tables:
        refill(connection)


def refill(connection: BaseDatabaseWrapper) -> None:
    """Builds SQLite's index from the entries; PostgreSQL's keeps itself."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {INDEX}({INDEX}) VALUES ('rebuild')")
