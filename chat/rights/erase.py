"""Forgets a person: no text and no identity is left; amounts and the record of readings stay, nameless."""

from __future__ import annotations

import secrets
import time
from typing import Any

import msgspec
from django.db import connection, transaction
from django.utils.translation import gettext as _

from ..engine.stopping import request_stop
from ..exceptions import ChatError
from ..models import LIVE, Conversation, Generation, LegalHold
from ..search.schema import INDEX
from .chunks import Toll, delete_conversations
from .retention import keys_of
from .rules import RULES, Fate, Person, conversations_of, models

#: Seconds to wait for the ends of answers that were stopped.
PATIENCE = 30.0
BATCH = 500


class Held(ChatError):
    """Raised when the law, or whoever speaks for it, wants kept what is to be forgotten."""


class StillRunning(ChatError):
    """Raised when answers could not be stopped in time, or writing did not end: run it again."""


class Report(msgspec.Struct):
    """What was erased, or would be: rows by what they are."""

    pseudonym: str
    deleted: dict[str, int] = {}
    renamed: dict[str, int] = {}
    stopped: int = 0


def check_holds(person: Person) -> None:
    """Raises `Held`, with a sentence that says by what."""
    rows = Conversation.objects.filter(conversations_of(person))
    holds = list(LegalHold.objects.on(rows) | _on_user(person))
    if holds:
        reasons = "; ".join(sorted({hold.why for hold in holds}))
        raise Held(_("A legal hold forbids it: %(reasons)s") % {"reasons": reasons})


def _on_user(person: Person) -> Any:
    user = person.owner.user_id
    return LegalHold.objects.filter(user=user) if user is not None else LegalHold.objects.none()


def preview(person: Person) -> Report:
    """What `erase` would do, and nothing is done. Raises `Held`."""
    check_holds(person)
    report = Report(pseudonym="")
    for name, model in models().items():
        rule, meta = RULES[name], model._meta
        if rule.of is not None and (rule.fate is not Fate.PSEUDONYM):
            report.deleted[str(meta.verbose_name_plural)] = model._base_manager.filter(
                rule.of(person)
            ).count()
        for change in rule.names:
            count = model._base_manager.filter(change(person, "")[0]).count()
            _count(report.renamed, model, count)
    report.stopped = _live(person).count()
    return report


def erase(person: Person, patience: float = PATIENCE) -> Report:
    """Erases what the app knows of somebody. Raises `Held` or `StillRunning`. Not inside of a transaction.

    May be run again: it ends what it had begun.
    """
    check_holds(person)
    report = Report(pseudonym=f"erased-{secrets.token_hex(8)}")
    forget_deleted_bytes()
    # First the keys: what could begin something new.
    _delete(person, "apikey", report)
    _delete_conversations(person, patience, report)
    for name, rule in RULES.items():
        if rule.fate is Fate.DELETE and name not in ("apikey", "conversation"):
            _delete(person, name, report)
        for change in rule.names:
            _rename(name, *change(person, report.pseudonym), report)
    return report


def _live(person: Person) -> Any:
    return Generation.objects.filter(**person.owner.fields, status__in=LIVE)


def _stop(person: Person, patience: float) -> int:
    """Stops what is being answered and waits for the ends; returns how many there were."""
    keys = list(_live(person).values_list("pk", flat=True))
    if keys:
        request_stop(keys, "deleted")
    deadline = time.monotonic() + patience
    while _live(person).exists():
        if time.monotonic() > deadline:
            raise StillRunning(_("An answer could not be stopped. Is the site running? Try again."))
        time.sleep(0.1)
    return len(keys)


def _delete_conversations(person: Person, patience: float, report: Report) -> None:
    """Until none is left: one that somebody writes to at that very moment is passed over, or new."""
    rows = Conversation.objects.filter(conversations_of(person))
    deadline = time.monotonic() + patience
    while True:
        report.stopped += _stop(person, patience)
        toll = delete_conversations(keys_of(rows), Toll())
        for plural, count in toll.rows.items():
            report.deleted[plural] = report.deleted.get(plural, 0) + count
        if not rows.exists():
            return
        check_holds(person)
        if time.monotonic() > deadline:
            raise StillRunning(_("Somebody is still writing there. Not everything was erased. Try again."))
        time.sleep(0.1)


def _delete(person: Person, name: str, report: Report) -> None:
    """Row by row what is the person's own; there is little of each, but of calls without a conversation."""
    model, rule = models()[name], RULES[name]
    assert rule.of is not None
    rows = model._base_manager.filter(rule.of(person))
    while keys := list(rows.values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            count, _counts = model._base_manager.filter(pk__in=keys).delete()
        _count(report.deleted, model, count)


def _rename(name: str, rows: Any, values: dict[str, Any], report: Report) -> None:
    # The plain manager: that of an append-only table refuses.
    model = models()[name]
    found = model._base_manager.filter(rows)
    while keys := list(found.values_list("pk", flat=True)[:BATCH]):
        _count(report.renamed, model, model._base_manager.filter(pk__in=keys).update(**values))


def _count(counts: dict[str, int], model: Any, count: int) -> None:
    plural = str(model._meta.verbose_name_plural)
    counts[plural] = counts.get(plural, 0) + count


def forget_deleted_bytes() -> None:
    """Has SQLite overwrite what this connection deletes; PostgreSQL's vacuum sees to it in its time."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")


def compact() -> None:
    """Takes what was deleted out of the database's files as well, as far as the database lets us.

    SQLite's file is written anew, which takes as long as its size asks and blocks writers meanwhile.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"INSERT INTO {INDEX}({INDEX}) VALUES ('optimize')")
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            for model in models().values():
                cursor.execute(f"VACUUM {connection.ops.quote_name(model._meta.db_table)}")
