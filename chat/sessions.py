"""Who a session belongs to, now: asked at connect, per command, and for all open sockets at once.

Channels resolves the user once, at connect; a logout, a deactivation or a lost permission does not
reach an open socket by itself.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from functools import lru_cache
from importlib import import_module
from typing import Any

import msgspec
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from .exceptions import Refused
from .policy import get_policy
from .prepared import Select


class SignedOut(Refused):
    """Raised when the session that a command came in with does not sign anybody in any more."""

    def __init__(self) -> None:
        super().__init__("forbidden")


class Verdict(enum.Enum):
    """What a session may do."""

    OK = "ok"
    SIGNED_OUT = "signed out"
    FORBIDDEN = "forbidden"


class Identity(msgspec.Struct, frozen=True):
    """What an open socket claims: the session it came with, and the user that session signed in."""

    session_key: str = ""
    user_id: Any = None


def identify(session_key: str) -> Any:
    """The user that the session signs in now, or an AnonymousUser."""
    data = _load_one(session_key) if session_key else {}
    pk = _user_pk(data)
    user = _user(pk) if pk is not None else None
    return user if user is not None and _vouches(data, user) else AnonymousUser()


def exists(session_key: str) -> bool:
    """Whether this is a session of this site."""
    return bool(session_key) and bool(_load([session_key]).get(session_key) is not None)


def check(identity: Identity) -> Any:
    """The user of the identity as of now. Raises `SignedOut`, or `Refused("forbidden")`."""
    user = identify(identity.session_key)
    if user.pk != identity.user_id:
        raise SignedOut
    if not get_policy().may_chat(user):
        raise Refused("forbidden")
    return user


def check_all(identities: Collection[Identity]) -> dict[Identity, Verdict]:
    """A verdict on each identity, with one query for the sessions and one for the users."""
    policy = get_policy()
    sessions = _load({identity.session_key for identity in identities if identity.session_key})
    users = _users({identity.user_id for identity in identities if identity.user_id is not None})
    verdicts = {}
    for identity in identities:
        data = sessions.get(identity.session_key, {})
        user: Any = AnonymousUser()
        if identity.user_id is not None:
            user = users.get(identity.user_id)
            if user is None or _user_pk(data) != identity.user_id or not _vouches(data, user):
                verdicts[identity] = Verdict.SIGNED_OUT
                # A user who may not chat any more is told so, not asked to sign in again.
                if user is not None and not user.is_active:
                    verdicts[identity] = Verdict.FORBIDDEN
                continue
        verdicts[identity] = Verdict.OK if policy.may_chat(user) else Verdict.FORBIDDEN
    return verdicts


def suspended(user_ids: Collection[Any]) -> set[Any]:
    """Those of the users who may not chat any more, or are gone."""
    policy = get_policy()
    users = _users(user_ids)
    return {pk for pk in user_ids if pk not in users or not policy.may_chat(users[pk])}


def _load_one(key: str) -> dict[str, Any]:
    store_class = import_module(settings.SESSION_ENGINE).SessionStore
    if issubclass(store_class, DatabaseSessions):
        rows = _sessions(store_class.get_model_class())(session_key=key, now=timezone.now())
        return dict(store_class().decode(rows[0].session_data)) if rows else {}
    return _load([key]).get(key, {})


@lru_cache(maxsize=2)
def _sessions(model: type[Model]) -> Select[Model]:
    """Those of a key that have not expired."""
    rows = model._default_manager
    return Select(
        model,
        lambda session_key, now: rows.filter(session_key=session_key, expire_date__gt=now),
        now="expire_date",
    )


def _user(pk: Any) -> Any:
    return next(iter(_users_of(get_user_model())(pk=pk)), None)


@lru_cache(maxsize=2)
def _users_of(model: type[Model]) -> Select[Model]:
    return Select(model, lambda pk: model._default_manager.filter(pk=pk))


def _load(keys: Collection[str]) -> dict[str, dict[str, Any]]:
    store_class = import_module(settings.SESSION_ENGINE).SessionStore
    if issubclass(store_class, DatabaseSessions):
        store = store_class()
        rows = store_class.get_model_class().objects.filter(
            session_key__in=keys, expire_date__gt=timezone.now()
        )
        return {row.session_key: store.decode(row.session_data) for row in rows}
    stores = [store_class(session_key=key) for key in keys]
    return {store.session_key: store.load() for store in stores if store.exists(store.session_key)}


def _users(pks: Collection[Any]) -> dict[Any, Any]:
    return dict(get_user_model()._default_manager.in_bulk(list(pks)))


def _user_pk(data: dict[str, Any]) -> Any:
    try:
        pk = get_user_model()._meta.pk
        return pk.to_python(data[SESSION_KEY]) if pk is not None else None
    except (KeyError, ValidationError):
        return None


def _vouches(data: dict[str, Any], user: Any) -> bool:
    """What `django.contrib.auth.get_user` asks: the backend is still in use, the password unchanged."""
    if data.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS or not user.is_active:
        return False
    known = data.get(HASH_SESSION_KEY, "")
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(known, good) for good in hashes)
