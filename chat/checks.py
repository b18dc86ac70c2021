"""`manage.py check` says what would go wrong later, with the line to paste."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.conf import STATICFILES_STORAGE_ALIAS
from django.conf import settings as django_settings
from django.contrib.sessions.backends.signed_cookies import SessionStore as CookieSessions
from django.contrib.staticfiles.storage import HashedFilesMixin
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from .conf import load
from .models import Conversation
from .policy import ChatPolicy, get_policy

#: The first with RETURNING.
MIN_SQLITE = (3, 35)


@register("llmchat")
def check_settings(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The `LLMCHAT` setting, and the policy it names."""
    try:
        load()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="See the settings table in the README.", id="llmchat.E001")]
    try:
        policy: object = get_policy()
    except ImportError as error:
        return [Error(f'LLMCHAT["POLICY"] cannot be imported: {error}', id="llmchat.E002")]
    if not isinstance(policy, ChatPolicy):
        return [Error('LLMCHAT["POLICY"] must name a subclass of ChatPolicy.', id="llmchat.E002")]
    return []


@register("llmchat")
def check_providers(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """That keys are where the settings say, and that what stands in for others exists."""
    try:
        providers, aliases = load().PROVIDERS, load().ALIASES
    except ImproperlyConfigured:
        return []
    found: list[CheckMessage] = []
    for alias, provider in providers.items():
        if provider.API_KEY_ENV and not provider.API_KEY:
            found.append(
                Warning(
                    f"The provider {alias!r} has no key: {provider.API_KEY_ENV} is not set.",
                    id="llmchat.W007",
                )
            )
    named = [(f"FALLBACKS of {alias!r}", own.FALLBACKS) for alias, own in providers.items()]
    named += [(f"the alias {alias!r}", members) for alias, members in aliases.items()]
    takes_any = any(not provider.MODELS for provider in providers.values())
    for where, names in named:
        for name in names:
            known = name in providers or name.partition("/")[0] in providers
            if not (takes_any or known or any(name in provider.MODELS for provider in providers.values())):
                found.append(Warning(f"Nobody serves {name!r}, which {where} names.", id="llmchat.W008"))
    return found


@register("llmchat")
def check_sessions(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Sessions that can be revoked: an open socket must hear of a sign-out."""
    store = import_module(django_settings.SESSION_ENGINE).SessionStore
    if issubclass(store, CookieSessions):
        return [
            Error(
                "Sessions in signed cookies cannot be revoked: an open chat would outlive its sign-out.",
                hint='SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"',
                id="llmchat.E003",
            )
        ]
    return []


@register("llmchat")
def check_database(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The database that holds the conversations, and how it is connected to."""
    alias = router.db_for_write(Conversation)
    configured = connections.databases[alias]
    vendor = connections[alias].vendor
    options = configured.get("OPTIONS", {})
    if vendor not in ("sqlite", "postgresql"):
        return [
            Error(
                f"{vendor} is not supported: the one end of an answer rests on partial unique indexes.",
                hint="Use PostgreSQL, or SQLite for a small site.",
                id="llmchat.E004",
            )
        ]
    messages: list[CheckMessage] = []
    if vendor == "sqlite" and sqlite3.sqlite_version_info < MIN_SQLITE:
        messages.append(
            Error(
                f"SQLite {sqlite3.sqlite_version} is too old: the end of an answer uses UPDATE … RETURNING.",
                hint="SQLite 3.35 of 2021 or later, or PostgreSQL.",
                id="llmchat.E005",
            )
        )
    if configured.get("ATOMIC_REQUESTS"):
        messages.append(
            Warning(
                "With ATOMIC_REQUESTS, conversation.ask() in a view raises OpenTransactionError.",
                hint="Mark such views with @transaction.non_atomic_requests.",
                id="llmchat.W005",
            )
        )
    # None keeps them for ever.
    if configured.get("CONN_MAX_AGE", 0) != 0:
        messages.append(
            Warning(
                "Under ASGI, CONN_MAX_AGE leaks connections.",
                hint='CONN_MAX_AGE = 0, and for PostgreSQL "OPTIONS": {"pool": {"timeout": 3}}',
                id="llmchat.W001",
            )
        )
    if vendor == "sqlite" and options.get("transaction_mode") != "IMMEDIATE":
        messages.append(
            Warning(
                "Without IMMEDIATE transactions SQLite fails with “database is locked” at once.",
                hint='"OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 5, '
                '"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"}',
                id="llmchat.W002",
            )
        )
    return messages


@register("llmchat")
def check_urls(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """That the pages are mounted: the socket's path is derived from theirs."""
    try:
        reverse("llmchat:index")
    except NoReverseMatch:
        return [
            Warning(
                "The chat is not mounted, so it has neither page nor socket.",
                hint='path("chat/", include("llmchat.urls"))',
                id="llmchat.W003",
            )
        ]
    return []


@register("llmchat")
def check_static_files(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """That hashed file names are written into the scripts' imports as well."""
    storage = import_string(django_settings.STORAGES[STATICFILES_STORAGE_ALIAS]["BACKEND"])
    if issubclass(storage, HashedFilesMixin) and not storage.support_js_module_import_aggregation:
        return [
            Warning(
                "The scripts have hashed names, but import each other by their plain ones: "
                "after an update a browser may mix two versions.",
                hint="A subclass of the storage with support_js_module_import_aggregation = True",
                id="llmchat.W006",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def check_origins(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """What only matters in production."""
    if "*" in django_settings.ALLOWED_HOSTS:
        return [
            Warning(
                "ALLOWED_HOSTS allows every host, and the chat's origin check stands on it.",
                id="llmchat.W004",
            )
        ]
    return []
