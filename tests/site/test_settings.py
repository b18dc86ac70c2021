from __future__ import annotations

import os
import stat
import threading
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from project import environment
from project.database import configure

OWN = {"DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "HTTPS", "EMAIL_HOST", "LOCAL_MODEL_PORT"}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Executes the site's settings anew, in an environment with nothing but the given variables."""

    def load(**variables: str) -> Any:
        for name in list(os.environ):
            if name.startswith(("OPENAI_", "LLMCHAT_")) or name in OWN:
                monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        spec = find_spec("project.settings")
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def test_sqlite_takes_the_write_lock_at_once_and_waits_five_seconds_for_it() -> None:
    database = configure("sqlite:////data/chat.sqlite3")
    assert database["NAME"] == Path("/data/chat.sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert database["OPTIONS"]["timeout"] == 5
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]


def test_three_slashes_name_a_relative_sqlite_file() -> None:
    assert configure("sqlite:///chat.sqlite3")["NAME"] == Path("chat.sqlite3")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_sqlite_in_memory_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="needs a file"):
        configure(url)


def test_postgresql_url_is_taken_apart() -> None:
    database = configure("postgres://ann%40a:p%2Fw@db.example:5433/chat?sslmode=require")
    wanted = {"USER": "ann@a", "PASSWORD": "p/w", "HOST": "db.example", "PORT": "5433", "NAME": "chat"}
    assert wanted.items() <= database.items()
    assert database["OPTIONS"]["sslmode"] == "require"


def test_postgresql_may_listen_on_a_socket_named_in_the_query() -> None:
    database = configure("postgresql://postgres:@/postgres?host=/run/pg")
    assert (database["HOST"], database["NAME"]) == ("/run/pg", "postgres")
    assert "host" not in database["OPTIONS"]


def test_postgresql_connections_are_pooled_and_a_lost_server_is_noticed_in_three_seconds() -> None:
    database = configure("postgres://db/chat")
    assert database["CONN_MAX_AGE"] == 0
    assert database["OPTIONS"]["pool"]["timeout"] == 3
    assert database["OPTIONS"]["connect_timeout"] == 3


def test_other_databases_are_refused_by_name() -> None:
    with pytest.raises(ImproperlyConfigured, match="mysql"):
        configure("mysql://db/chat")


def test_without_configuration_the_site_talks_to_the_local_model(load: Any) -> None:
    chat = load(LOCAL_MODEL_PORT="4711").LLMCHAT
    assert chat["DEMO"] is True
    assert chat["PROVIDERS"]["default"]["BASE_URL"] == "http://127.0.0.1:4711/v1"
    assert chat["MODEL"] in chat["PROVIDERS"]["default"]["MODELS"]


def test_two_variables_name_another_provider(load: Any) -> None:
    chat = load(OPENAI_BASE_URL="http://llm.example/v1", OPENAI_API_KEY="k", LLMCHAT_MODEL="big").LLMCHAT
    assert chat["PROVIDERS"] == {"default": {"BASE_URL": "http://llm.example/v1", "API_KEY": "k"}}
    assert chat["MODEL"] == "big"
    assert "DEMO" not in chat


def test_a_key_alone_means_openai(load: Any) -> None:
    assert load(OPENAI_API_KEY="k").LLMCHAT["PROVIDERS"]["default"]["BASE_URL"] == "https://api.openai.com/v1"


def test_plain_keys_of_the_chat_come_from_the_environment(load: Any) -> None:
    assert load(LLMCHAT_MAX_RUNNING="7").LLMCHAT["MAX_RUNNING"] == 7


def test_debug_is_off_and_sign_up_closed_unless_said_otherwise(load: Any) -> None:
    settings = load()
    assert (settings.DEBUG, settings.LLMCHAT_SIGNUP) == (False, "closed")


def test_debug_opens_sign_up(load: Any) -> None:
    assert load(DEBUG="1").LLMCHAT_SIGNUP == "open"


@pytest.mark.parametrize("variables", [{"DEBUG": "maybe"}, {"LLMCHAT_SIGNUP": "ask"}])
def test_a_value_that_is_not_understood_stops_the_start(load: Any, variables: dict[str, str]) -> None:
    with pytest.raises(ImproperlyConfigured, match=next(iter(variables))):
        load(**variables)


def test_hosts_are_separated_by_commas(load: Any) -> None:
    assert load(ALLOWED_HOSTS="a.example, b.example").ALLOWED_HOSTS == ["a.example", "b.example"]


def test_https_makes_cookies_secure(load: Any) -> None:
    settings = load(HTTPS="1")
    assert settings.SESSION_COOKIE_SECURE
    assert settings.CSRF_COOKIE_SECURE
    assert settings.SECURE_HSTS_SECONDS > 0


def test_a_secret_key_is_made_once_and_readable_by_its_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    path = tmp_path / "var" / "key"
    key = environment.secret_key(path)
    assert len(key) >= 50
    assert environment.secret_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_processes_that_start_at_once_agree_on_the_secret_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    together = threading.Barrier(8)
    keys: list[str] = []

    def start() -> None:
        together.wait()
        keys.append(environment.secret_key(tmp_path / "key"))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
