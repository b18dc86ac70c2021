"""The bookshop, installed: its commands, and the site on daphne."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).parent / "bookshop"
#: Seconds for a cold start, and for a shutdown, on a busy machine.
PATIENCE = 60.0
LISTENING = re.compile(r"Listening on TCP address ([\d.]+:\d+)")
#: What the shop's settings read; nobody listens there.
NOWHERE = {"ASSISTANT_URL": "http://127.0.0.1:9/v1", "ASSISTANT_KEY": "sk-shop"}


class Shop:
    """A copy of the bookshop in `folder`, far from this checkout, with a Python of its own."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.folder = folder
        self._python = python
        shutil.copytree(SOURCE, folder)

    def environ(self, **variables: str) -> dict[str, str]:
        """The variables of a process of the shop: nothing that leads it to this checkout."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "PATH", "TMPDIR") if name in os.environ}
        return {**kept, **NOWHERE, **variables}

    def run(self, *arguments: str, **variables: str) -> str:
        """Runs `python <arguments>` in the shop; returns what it printed. Fails with it, too."""
        done = subprocess.run(
            [str(self._python), *arguments],
            cwd=self.folder,
            env=self.environ(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    @contextmanager
    def open(self, application: str = "bookshop.asgi:application", **variables: str) -> Iterator[str]:
        """The site on daphne, on a port of its own choice; gives its origin. It must end as it should."""
        command = [str(self._python), "-m", "daphne", "-b", "127.0.0.1", "-p", "0", application]
        said: list[str] = []
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environ(**variables),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            ended = threading.Timer(PATIENCE, process.kill)
            ended.start()
            for line in process.stderr:
                said.append(line)
                if found := LISTENING.search(line):
                    break
            ended.cancel()
            assert found, "".join(said)
            reader = threading.Thread(target=said.extend, args=(process.stderr,))
            reader.start()
            try:
                yield f"http://{found[1]}"
            finally:
                process.terminate()
                process.wait(PATIENCE)
                reader.join()
                sys.stdout.write("".join(said))
        assert not any("Traceback" in line or "ERROR" in line for line in said), "".join(said)
        assert process.returncode == 0
