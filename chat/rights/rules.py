"""What becomes of each table when somebody is to be forgotten, and what of it they may take along.

Every model of the app has its rule here; a test fails for one that has none.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import msgspec
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import Model, Q

from ..models import ContentAccess, Owner
from ..models.limits import subject_of

#: Characters that a record of a reading keeps of what was searched for.
MAX_WHAT = ContentAccess._meta.get_field("what").max_length


class Fate(enum.Enum):
    """What an erasure does with the rows of somebody."""

    #: They are deleted.
    DELETE = "delete"
    #: They stay, under a pseudonym: what was spent and read remains true.
    PSEUDONYM = "pseudonym"
    #: They hold nothing of anybody, or go by themselves with what they hang on.
    NOTHING = "nothing"


class Person(msgspec.Struct, frozen=True):
    """Whom it is about: a user, or a guest by the key of the session; and how a user is called in rows."""

    owner: Owner
    name: str = ""


class Rule(msgspec.Struct, frozen=True):
    """The rule for one model."""

    fate: Fate
    #: Why nothing has to be done, or what is special.
    why: str = ""
    #: The rows of a person; None where they hang on other rows.
    of: Callable[[Person], Q] | None = None
    #: For a pseudonym: which rows get which values. Two parts where two people can stand in one row.
    names: tuple[Callable[[Person, str], tuple[Q, dict[str, Any]]], ...] = ()
    #: Fields that an export leaves out: secrets, and what only the engine understands.
    hidden: frozenset[str] = frozenset()
    exported: bool = True
    #: How an export sorts the rows: as they are read.
    order: tuple[str, ...] = ("pk",)


def _own(prefix: str = "") -> Callable[[Person], Q]:
    """Rows with `owner` and `session_key`, or those of a relation that has them."""

    def rows(person: Person) -> Q:
        return Q(**{f"{prefix}{name}": value for name, value in person.owner.fields.items()})

    return rows


def conversations_of(person: Person, prefix: str = "") -> Q:
    """The conversations of a person, also those that `ON_USER_DELETE` has kept of a user who was deleted."""
    own, user = _own(prefix)(person), person.owner.user_id
    # No index finds these; for somebody who is still there nothing needs to be looked for.
    if user is None or get_user_model()._default_manager.filter(pk=user).exists():
        return own
    kept = {"owner": None, "session_key": "", "metadata__owner__id": str(user)}
    return own | Q(**{f"{prefix}{name}": value for name, value in kept.items()})


def _users(field: str) -> Callable[[Person], Q]:
    """Rows that name the user in a key; a guest has none."""

    def rows(person: Person) -> Q:
        user = person.owner.user_id
        return Q(**{field: user}) if user is not None else Q(pk__in=[])

    return rows


def _owner_becomes(person: Person, pseudonym: str) -> tuple[Q, dict[str, Any]]:
    return _own()(person), {"owner": None, "session_key": pseudonym}


def _owner_goes(person: Person, pseudonym: str) -> tuple[Q, dict[str, Any]]:
    return _users("owner")(person), {"owner": None}


def _was_read(person: Person, pseudonym: str) -> tuple[Q, dict[str, Any]]:
    return _users("owner")(person), {"owner": None, "owner_name": pseudonym}


def _was_read_by_name(person: Person, pseudonym: str) -> tuple[Q, dict[str, Any]]:
    rows = Q(owner_name=person.name, owner=None) if person.name else Q(pk__in=[])
    return rows, {"owner_name": pseudonym}


def _has_read(person: Person, pseudonym: str) -> tuple[Q, dict[str, Any]]:
    return _users("reader")(person), {"reader": None, "reader_name": pseudonym, "address": None}


def _by(person: Person, pseudonym: str) -> tuple[Q, dict[str, Any]]:
    return (Q(by=person.name) if person.name else Q(pk__in=[])), {"by": pseudonym}


def _handled(person: Person, pseudonym: str) -> tuple[Q, dict[str, Any]]:
    return (Q(handled_by=person.name) if person.name else Q(pk__in=[])), {"handled_by": pseudonym}


def _was_looked_for(person: Person, pseudonym: str) -> tuple[Q, dict[str, Any]]:
    """Rows of a search for the name, or of a list filtered by it."""
    if not person.name:
        return Q(pk__in=[]), {"what": pseudonym}
    filters = [f"{what}user={person.name}"[:MAX_WHAT] for what in ("", "feedback ")]
    return Q(what__iexact=person.name[:MAX_WHAT]) | Q(what__in=filters), {"what": pseudonym}


def _subject(person: Person) -> Q:
    return Q(subject=subject_of(person.owner))


def _subject_becomes(person: Person, pseudonym: str) -> tuple[Q, dict[str, Any]]:
    return _subject(person), {"subject": pseudonym}


_ENGINE = frozenset(
    {"session_key", "command_id", "command", "command_target", "runner", "stop_requested", "watched_at"}
)

#: In the order in which an erasure goes through them.
RULES: dict[str, Rule] = {
    "apikey": Rule(Fate.DELETE, of=_users("owner"), hidden=frozenset({"digest"})),
    "conversation": Rule(
        Fate.DELETE, of=conversations_of, hidden=frozenset({"session_key"}), order=("created", "pk")
    ),
    "message": Rule(
        Fate.NOTHING,
        "goes with its conversation",
        of=lambda person: conversations_of(person, "conversation__"),
        order=("conversation__created", "conversation_id", "position"),
    ),
    "generation": Rule(
        Fate.DELETE,
        "those of a conversation go with it; these are of calls without one",
        of=_own(),
        hidden=_ENGINE,
    ),
    "journalchunk": Rule(Fate.NOTHING, "goes with its generation; its text is the message's", exported=False),
    "searchentry": Rule(Fate.NOTHING, "goes with its message or conversation", exported=False),
    "feedback": Rule(Fate.DELETE, of=_own(), names=(_handled,), hidden=frozenset({"session_key"})),
    "preference": Rule(Fate.DELETE, of=_own(), hidden=frozenset({"session_key"})),
    "budget": Rule(Fate.DELETE, "what was made for this user", of=_users("user")),
    "budgetcounter": Rule(Fate.PSEUDONYM, of=_subject, names=(_subject_becomes,)),
    "reservation": Rule(Fate.NOTHING, "goes with the end of its answer", exported=False),
    "usagerecord": Rule(
        Fate.PSEUDONYM, of=_own(), names=(_owner_becomes,), hidden=frozenset({"session_key"})
    ),
    "usagesum": Rule(
        Fate.PSEUDONYM, "sums of the ledger; nobody's from then on", of=_users("owner"), names=(_owner_goes,)
    ),
    "contentaccess": Rule(
        Fate.PSEUDONYM,
        of=lambda person: _users("owner")(person) | _users("reader")(person),
        names=(_was_read, _was_read_by_name, _has_read, _was_looked_for),
        # Who reads for the operator is no business of whom they read.
        hidden=frozenset({"reader", "reader_name", "address"}),
    ),
    "pause": Rule(Fate.PSEUDONYM, names=(_by,), exported=False),
    "legalhold": Rule(Fate.PSEUDONYM, "one on them refuses", names=(_by,), exported=False),
    "preset": Rule(Fate.NOTHING, "of the site", exported=False),
    "banner": Rule(Fate.NOTHING, "of the site", exported=False),
    "retentionrule": Rule(Fate.NOTHING, "of groups", exported=False),
    "chatmodel": Rule(Fate.NOTHING, "of the site", exported=False),
    "summedday": Rule(Fate.NOTHING, "of the site", exported=False),
    "runner": Rule(Fate.NOTHING, "of the site", exported=False),
}


def models() -> dict[str, type[Model]]:
    """All models of the app by name, those that join two of them excepted."""
    config = apps.get_app_config("llmchat")
    return {str(model._meta.model_name): model for model in config.get_models()}
