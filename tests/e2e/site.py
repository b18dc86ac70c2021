"""The stand-alone site in a process of its own, as a browser meets it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

from django.conf import settings

from project.run import HOST, free_port

ADMIN = "root"
PASSWORD = "correct horse battery staple"
#: How many people a site is given at a time; making them takes a process of its own.
CROWD = 60
MAKE_PEOPLE = """
import json, sys
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.backends.db import SessionStore
password = make_password({password!r})
people = []
for n in range({count}):
    user = get_user_model().objects.create(username=f"person{{n}}", password=password)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    people.append((user.username, session.session_key))
print(json.dumps(people))
"""
#: Seconds for a cold start on a busy machine, and for a drain.
PATIENCE = 60.0


class Site:
    """The site on daphne with a database of its own; it can be ended and started again on its port."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._log = folder / "site.log"
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OPENAI_", "LLMCHAT_", "DJANGO_", "LOCAL_MODEL", "DATABASE_"))
        }
        self._environ = {
            **kept,
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "DATABASE_URL": f"sqlite:///{folder}/site.sqlite3",
            "LLMCHAT_SIGNUP": "open",
            "SECRET_KEY": "end to end",
            **variables,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._people: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        self.manage("migrate", "--verbosity=0")
        self.manage(
            "createsuperuser", "--noinput", f"--username={ADMIN}", "--email=root@example.org", "--verbosity=0"
        )
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def manage(self, *arguments: str) -> str:
        """Runs a management command and returns what it printed; raises CalledProcessError."""
        environ = self._environ | {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=settings.BASE_DIR, env=environ, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    def somebody(self) -> tuple[str, str]:
        """The name and the session of a user nobody has been yet."""
        if not self._people:
            code = MAKE_PEOPLE.format(password=PASSWORD, count=CROWD)
            self._people = json.loads(self.manage("shell", "--verbosity=0", "-c", code))
        return self._people.pop()

    def start(self) -> None:
        """Returns when the site answers. Raises TimeoutError with the end of its log."""
        command = [
            sys.executable,
            "-m",
            "daphne",
            "-b",
            HOST,
            "-p",
            str(self.port),
            "project.asgi:application",
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=settings.BASE_DIR, env=self._environ, stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(self._log.read_text()[-4000:])
            time.sleep(0.1)

    def end(self, number: int = signal.SIGTERM) -> None:
        """Sends the process a signal, and returns when it has gone."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(PATIENCE)

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/healthz", timeout=5) as response:
                return bool(response.status == 200)
        except (URLError, OSError):
            return False
