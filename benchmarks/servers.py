"""The servers that are compared, and their lives."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import msgspec

from .machine import pinned
from .scenarios import Order, Protocol, Result, Scenario, Target

_ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 60
_STOP_SECONDS = 20
_UVICORN = ("uvicorn", "--loop", "uvloop", "--ws-per-message-deflate", "false", "--log-level", "warning")


class Server(msgspec.Struct, frozen=True):
    """One of the compared servers. `{port}` and `{upstream}` (a port) in `command` are filled in."""

    name: str
    title: str
    #: Arguments of `python -m`.
    command: tuple[str, ...]
    speaks: Protocol = "relay"
    #: A package that only the benchmark needs.
    needs: str = "uvloop"


RELAY = Server(
    "relay", "bare uvloop relay", ("benchmarks.relay", "--port", "{port}", "--upstream-port", "{upstream}")
)
FASTAPI = Server(
    "fastapi",
    "FastAPI, typed openai SDK",
    (*_UVICORN, "--port", "{port}", "benchmarks.fastapi_relay:app"),
    needs="fastapi",
)
DAPHNE = Server(
    "daphne",
    "this site on daphne",
    ("daphne", "-b", "127.0.0.1", "-p", "{port}", "project.asgi:application"),
    speaks="chat",
    needs="daphne",
)
UVICORN = Server(
    "uvicorn",
    "this site on uvicorn, uvloop",
    (*_UVICORN, "--port", "{port}", "project.asgi:application"),
    speaks="chat",
)
V1 = Server("v1", "this site's v1/ on uvicorn, uvloop", UVICORN.command, speaks="v1")
ALL = (RELAY, FASTAPI, DAPHNE, UVICORN, V1)


def installed(servers: tuple[Server, ...] = ALL) -> tuple[Server, ...]:
    """Those of the servers that this environment can run."""
    return tuple(server for server in servers if find_spec(server.needs))


class Database(msgspec.Struct, frozen=True):
    """A migrated database with users in it."""

    url: str
    cookies: list[str]
    keys: list[str]

    @property
    def file(self) -> str:
        """The file of a SQLite database."""
        return self.url.removeprefix("sqlite:///")


class Bench:
    """A folder, a provider, and a template of the site's database, for as long as one run takes."""

    def __init__(self, folder: Path, users: int) -> None:
        self._folder = folder
        self._upstream_port = 0
        self._template = self.database(f"sqlite:///{folder / 'template.sqlite3'}", users)

    @contextmanager
    def provider(self) -> Iterator[None]:
        """Runs the provider that all servers ask."""
        self._upstream_port = _free_port()
        command = ("benchmarks.upstream", "--port", str(self._upstream_port))
        with self._process("upstream", command, self._upstream_port, {}, to_measure=False):
            yield

    def database(self, url: str, users: int) -> Database:
        """Migrates the database at `url`, and signs in so many new users."""
        made = subprocess.run(
            [sys.executable, "-m", "benchmarks.accounts", str(users)],
            env=self._environment(url),
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        return Database(url, **json.loads(made))

    def copied(self, name: str) -> Database:
        """A fresh copy of the template."""
        file = self._folder / f"{name}.sqlite3"
        for ending in ("-wal", "-shm"):
            file.with_name(file.name + ending).unlink(missing_ok=True)
        shutil.copy(self._template.file, file)
        return Database(f"sqlite:///{file}", self._template.cookies, self._template.keys)

    @contextmanager
    def running(self, server: Server, database: Database) -> Iterator[Target]:
        """Runs a server on the measured core."""
        port = _free_port()
        words = {"port": port, "upstream": self._upstream_port}
        command = tuple(word.format(**words) for word in server.command)
        environment = self._environment(database.url)
        with self._process(server.name, command, port, environment, to_measure=True) as pid:
            credentials = {"relay": [], "chat": database.cookies, "v1": database.keys}[server.speaks]
            yield Target(pid, port, self._upstream_port, server.speaks, credentials)

    def measure(self, target: Target, scenario: Scenario) -> Result:
        """Lets the load client play a scenario."""
        order = msgspec.json.encode(Order(target, scenario))
        with pinned(to_measure=False):
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.load"],
                input=order,
                cwd=_ROOT,
                stdout=subprocess.PIPE,
                check=True,
            )
        result: Result = msgspec.json.decode(done.stdout, type=Result)
        return result

    def _environment(self, database_url: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "DATABASE_URL": database_url,
            "SECRET_KEY": "benchmarks",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{self._upstream_port}/v1",
            "OPENAI_API_KEY": "sk-bench",
            "LLMCHAT_MODEL": "bench",
        }

    @contextmanager
    def _process(
        self, name: str, command: tuple[str, ...], port: int, environment: dict[str, str], *, to_measure: bool
    ) -> Iterator[int]:
        path = self._folder / f"{name}-{port}.log"
        with path.open("wb") as log:
            with pinned(to_measure=to_measure):
                process = subprocess.Popen(
                    [sys.executable, "-m", *command],
                    env=environment or None,
                    cwd=_ROOT,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            try:
                _wait_for(process, port)
                yield process.pid
            except BaseException:
                sys.stderr.write(path.read_text(errors="replace")[-4000:])
                raise
            finally:
                process.terminate()
                try:
                    process.wait(_STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not listen")
