"""The journal: every 200 ms one transaction with the new frames of all generations.

A killed process loses at most one tick. A tick that the database refuses because of somebody's data
is tried again generation by generation, so that the culprit alone pays; one that cannot be written
at all waits for the next tick, while the answers go on from memory.
"""

from __future__ import annotations

import datetime
import logging
from uuid import UUID

import msgspec
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Exists, OuterRef

from ..models import LIVE, Generation, JournalChunk
from ..prepared import Select

logger = logging.getLogger("llmchat.journal")

#: The fields of `Chunk`, as columns.
_COLUMNS = ("generation_id", "first_n", "last_n", "frames")


class Chunk(msgspec.Struct):
    """Frames `first_n` … `last_n` of a generation, ready to be stored."""

    generation: int
    first_n: int
    last_n: int
    frames: str


class Flag(msgspec.Struct):
    """What other processes have said of a generation: stop it (why), or somebody watched it (when)."""

    generation: int
    stop: str
    watched: str


def write(chunks: list[Chunk], runner: UUID) -> tuple[list[int], list[Flag]]:
    """Commits one tick. Returns the generations whose frames the database refuses, and the flags.

    Raises OperationalError or InterfaceError when the database is away or locked: nothing was
    written, the same chunks may be given again.
    """
    refused: list[int] = []
    try:
        _insert(chunks)
    except (OperationalError, InterfaceError):
        raise
    except DatabaseError:
        logger.exception("a journal tick was refused; trying %d generations one by one", len(chunks))
        for chunk in chunks:
            try:
                _insert([chunk])
            except (OperationalError, InterfaceError):
                raise
            except DatabaseError:
                logger.exception("the frames of generation %d were refused", chunk.generation)
                refused.append(chunk.generation)
    return refused, [Flag(pk, stop, str(watched or "")) for pk, stop, watched in _flags(runner=runner)]


_flags = Select(
    Generation,
    lambda runner: (
        Generation.objects.filter(runner=runner, status__in=LIVE)
        .order_by()
        .values_list("pk", "stop_requested", "watched_at")
    ),
)


def _insert(chunks: list[Chunk]) -> None:
    if chunks:
        table = connection.ops.quote_name(JournalChunk._meta.db_table)
        # By hand: five times a second, the ORM would cost more than the database.
        # A tick whose commit succeeded although its answer got lost is given again as it was.
        insert = f"INSERT INTO {table} ({', '.join(_COLUMNS)}) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(insert, [msgspec.structs.astuple(chunk) for chunk in chunks])


def read(generation: int, after: int = 0) -> list[str]:
    """The journalled frames of a generation beyond frame `after`, contiguous from the first one on."""
    frames: list[str] = []
    rows = JournalChunk.objects.filter(generation=generation, last_n__gt=after).order_by("first_n")
    expected = after + 1
    for first_n, text in rows.values_list("first_n", "frames"):
        if first_n > expected:
            break
        parts = [bytes(part).decode() for part in msgspec.json.decode(f"[{text}]", type=list[msgspec.Raw])]
        expected = first_n + len(parts)
        frames.extend(parts[max(0, after + 1 - first_n) :])
    return frames


def sweep(ended_before: datetime.datetime) -> int:
    """Deletes the rows of generations that ended before that moment, and of those that are gone."""
    ended = Generation.objects.filter(pk=OuterRef("generation_id"), ended__lt=ended_before)
    known = Generation.objects.filter(pk=OuterRef("generation_id"))
    count: int = JournalChunk.objects.filter(Exists(ended) | ~Exists(known)).delete()[0]
    return count
