"""`manage.py check` finds what would go wrong later."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.checks import run_checks
from django.db import connections


def ids(**kwargs: Any) -> list[str]:
    return [str(message.id) for message in run_checks(**kwargs) if str(message.id).startswith("llmchat.")]


def test_the_site_as_it_is_has_nothing_to_complain_about() -> None:
    assert ids() == []


@pytest.mark.parametrize(
    ("wrong", "id"),
    [
        ({"MAX_RUNNING": "many"}, "llmchat.E001"),
        ({"MAX_RUNNNING": 4}, "llmchat.E001"),
        ({"PROVIDERS": {"default": {"BASEURL": "x"}}}, "llmchat.E001"),
        ({"POLICY": "no.such.Policy"}, "llmchat.E002"),
        ({"POLICY": "builtins.object"}, "llmchat.E002"),
        ({"PROVIDERS": {"default": {"API_KEY_ENV": "LLMCHAT_NO_SUCH_KEY"}}}, "llmchat.W007"),
        ({"PROVIDERS": {"a": {"MODELS": ["m"], "FALLBACKS": ["nobody"]}}}, "llmchat.W008"),
        ({"PROVIDERS": {"a": {"MODELS": ["m"]}}, "ALIASES": {"house": ["a/m", "n"]}}, "llmchat.W008"),
    ],
)
def test_a_wrong_setting_is_an_error(settings: Any, wrong: dict[str, Any], id: str) -> None:
    settings.LLMCHAT = wrong
    assert ids() == [id]


def test_signed_cookie_sessions_are_refused(settings: Any) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert ids() == ["llmchat.E003"]


@pytest.mark.parametrize(
    ("changed", "id"),
    [
        ({"CONN_MAX_AGE": 60}, "llmchat.W001"),
        ({"CONN_MAX_AGE": None}, "llmchat.W001"),
        ({"ATOMIC_REQUESTS": True}, "llmchat.W005"),
        ({"OPTIONS": {}}, "llmchat.W002"),
    ],
)
def test_a_database_connected_to_in_a_risky_way(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], id: str
) -> None:
    if connections["default"].vendor != "sqlite" and id == "llmchat.W002":
        assert ids() == []
        return
    monkeypatch.setitem(connections.databases, "default", {**connections.databases["default"], **changed})
    assert ids() == [id]


def test_other_databases_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(connections["default"]), "vendor", "mysql")
    from chat.checks import check_database

    assert [message.id for message in check_database(None)] == ["llmchat.E004"]


@pytest.mark.skipif(connections["default"].vendor != "sqlite", reason="it is SQLite's version")
def test_a_sqlite_that_cannot_return_what_it_updated_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    assert ids() == ["llmchat.E005"]


def test_an_app_that_is_not_mounted_says_so(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.empty_urls"
    assert ids() == ["llmchat.W003"]


class HashedModules(ManifestStaticFilesStorage):
    support_js_module_import_aggregation = True


@pytest.mark.parametrize(
    ("storage", "expected"),
    [
        ("django.contrib.staticfiles.storage.ManifestStaticFilesStorage", ["llmchat.W006"]),
        ("whitenoise.storage.CompressedManifestStaticFilesStorage", ["llmchat.W006"]),
        ("whitenoise.storage.CompressedStaticFilesStorage", []),
        (f"{__name__}.HashedModules", []),
    ],
)
def test_hashed_names_have_to_be_hashed_in_imports_too(
    settings: Any, storage: str, expected: list[str]
) -> None:
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": storage}}
    assert ids() == expected


def test_a_site_for_every_host_is_warned_before_deployment(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert "llmchat.W004" in ids(include_deployment_checks=True)
