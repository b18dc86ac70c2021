"""New databases with all tables: copied from one that was migrated once for all sites of the run."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent
SQLITE = "sqlite:///"


def lay(url: str) -> bool:
    """Gives an empty database all tables; False, and nothing done, where there are some already."""
    if url.startswith(SQLITE):
        file = Path(url.removeprefix(SQLITE))
        if file.exists():
            return False
        shutil.copyfile(_sqlite(), file)
        return True
    with psycopg.connect(url) as connection:
        if connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public' LIMIT 1").fetchone():
            return False
    template = _postgresql(_of_server(url, "postgres"))
    with psycopg.connect(_of_server(url, "postgres"), autocommit=True) as connection:
        name = sql.Identifier(urlsplit(url).path.removeprefix("/"))
        connection.execute(sql.SQL("DROP DATABASE {}").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, sql.Identifier(template)))
    return True


@functools.cache
def _sqlite() -> Path:
    folder = tempfile.mkdtemp(prefix="llmchat-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _migrate(f"{SQLITE}{folder}/migrated.sqlite3")
    return Path(folder) / "migrated.sqlite3"


@functools.cache
def _postgresql(server_url: str) -> str:
    """The name of a migrated database on that server."""
    name = "test_migrated"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    _migrate(_of_server(server_url, name))
    return name


def _of_server(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _migrate(url: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LLMCHAT_", "DJANGO_"))}
    environ = {
        **kept,
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "SECRET_KEY": "migrated",
        "DATABASE_URL": url,
    }
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    subprocess.run(command, cwd=ROOT, env=environ, check=True)
