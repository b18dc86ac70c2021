"""The site in processes of its own, to be killed: daphne or uvicorn, on SQLite or PostgreSQL."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.error import URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import urlopen
from uuid import uuid4

import psutil
import psycopg
from psycopg import sql

from project.run import HOST, free_port

from . import migrated

ROOT = Path(__file__).resolve().parent.parent
#: Seconds for a cold start or an orderly end on a busy machine.
PATIENCE = 60.0

ServerName = Literal["daphne", "uvicorn"]


class SiteProcess:
    """`project.asgi` on one server process; it keeps its port and its database over kills and starts.

    `variables` are the environment, without which the site would ask a local model: `OPENAI_BASE_URL`,
    `LLMCHAT_…`. Two of them with the same `database_url` are one site of two processes.
    """

    def __init__(
        self, folder: Path, server: ServerName = "uvicorn", *, database_url: str = "", **variables: str
    ) -> None:
        self.server = server
        self.port = free_port()
        self.base_url = f"http://{HOST}:{self.port}"
        self.socket_url = f"ws://{HOST}:{self.port}/ws/"
        self.database_url = database_url or f"sqlite:///{folder}/site.sqlite3"
        self._log = folder / f"{server}-{self.port}.log"
        cleared = ("OPENAI_", "LLMCHAT_", "DJANGO_", "LOCAL_MODEL", "DATABASE_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(cleared)}
        self._environ = {
            **kept,
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "DATABASE_URL": self.database_url,
            "OPENAI_API_KEY": "sk-canary-key-0123456789",
            "LLMCHAT_MODEL": "scripted",
            "SECRET_KEY": "processes",
            **variables,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._desk: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        if not migrated.lay(self.database_url):
            self.manage("migrate", "--verbosity=0")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        if self._desk is not None:
            with self._desk:
                assert self._desk.stdin is not None
                self._desk.stdin.close()

    @property
    def process(self) -> psutil.Process:
        """The running server, for its memory and CPU time."""
        assert self._process is not None
        return psutil.Process(self._process.pid)

    @property
    def alive(self) -> bool:
        """Whether the server runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """All that the server has written so far, over all its starts."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def manage(self, *arguments: str) -> str:
        """Runs a management command and returns what it says; raises CalledProcessError."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self._environ, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    def start(self) -> None:
        """Returns when the site answers. Raises TimeoutError with the end of its log."""
        command = {
            "daphne": ["daphne", "-b", HOST, "-p", str(self.port)],
            "uvicorn": [
                "uvicorn",
                *("--host", HOST, "--port", str(self.port)),
                *("--ws-per-message-deflate", "false", "--log-level", "warning"),
            ],
        }[self.server]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *command, "project.asgi:application"],
                cwd=ROOT,
                env=self._environ,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if not self.alive or time.monotonic() > deadline:
                raise TimeoutError(self.log[-4000:])
            time.sleep(0.05)

    def kill(self) -> None:
        """`kill -9`; returns when the process has gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(PATIENCE)

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Sends the process a signal and returns at once."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Waits until the process has gone; returns its exit status. Raises subprocess.TimeoutExpired."""
        assert self._process is not None
        return self._process.wait(timeout)

    def terminate(self, timeout: float = PATIENCE) -> float:
        """SIGTERM; returns the seconds until the process had gone, which has to be in order.

        Raises subprocess.TimeoutExpired.
        """
        started = time.monotonic()
        self.signal()
        status = self.wait(timeout)
        took = time.monotonic() - started
        # uvicorn, done, ends by the signal itself.
        assert status in (0, -signal.SIGTERM), f"ended with {status}: {self.log[-4000:]}"
        return took

    def sign_in(self, username: str = "ada", **fields: Any) -> str:
        """A new session's key; the user is made, with these fields, if there is none of that name."""
        return str(self.django("signed_in(username, **fields)", username=username, fields=fields))

    def headers(self, session: str) -> dict[str, str]:
        """The headers that a browser of this site with that session sends."""
        return {"Cookie": f"sessionid={session}", "Origin": self.base_url}

    def django(self, code: str, **names: Any) -> Any:
        """Runs a snippet with the site's settings, in a third process, whether the server lives or not.

        Returns the value of the expression, or of the variable `result`, as JSON (what JSON does not know,
        as text). Raises RuntimeError with the traceback of the snippet.
        """
        if self._desk is None:
            self._desk = subprocess.Popen(
                [sys.executable, "-m", "tests.desk"],
                cwd=ROOT,
                env=self._environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._desk.stdin is not None
        assert self._desk.stdout is not None
        request = {"code": textwrap.dedent(code).strip(), "names": names}
        self._desk.stdin.write(json.dumps(request) + "\n")
        self._desk.stdin.flush()
        answer = json.loads(self._desk.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.base_url}/healthz", timeout=5) as response:
                return bool(response.status == 200)
        except (URLError, OSError):
            return False


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """The URL of a new, empty database on a PostgreSQL server."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
