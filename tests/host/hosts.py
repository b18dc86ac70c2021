"""Django projects with the wheel installed: their commands, and their sites in processes of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from project.run import HOST, free_port

#: The project that is copied to a place of its own, there to be the shop of these tests.
BOOKSHOP = Path(__file__).parent / "bookshop"
#: Seconds for a cold start, and for a shutdown, on a busy machine.
PATIENCE = 60.0


class Host:
    """A project in `folder`, far from this checkout, with a Python and an environment of its own."""

    def __init__(self, python: Path, folder: Path, **environ: str) -> None:
        self.folder = folder
        self._python = str(python)
        # Nothing that leads to this checkout.
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "PATH", "TMPDIR") if name in os.environ}
        self._environ = {**kept, **environ}

    def run(self, *arguments: str, **environ: str) -> str:
        """Runs `python <arguments>`; returns what it printed, and fails with it if it fails."""
        done = subprocess.run(
            [self._python, *arguments],
            cwd=self.folder,
            env={**self._environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    @contextmanager
    def serve(self, *arguments: str, **environ: str) -> Iterator[str]:
        """Runs a server, `{port}` in its arguments being its port; gives the site's origin.

        It has to end as it should, and without having complained.
        """
        port = free_port()
        log = self.folder / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [self._python, *(argument.format(port=port) for argument in arguments)],
                cwd=self.folder,
                env={**self._environ, **environ},
                stdout=output,
                stderr=output,
            )
        try:
            deadline = time.monotonic() + PATIENCE
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise TimeoutError(log.read_text())
                time.sleep(0.05)
            yield f"http://{HOST}:{port}"
            process.terminate()
            status = process.wait(PATIENCE)
            assert status == 0, f"ended with {status}: {log.read_text()}"
        finally:
            process.kill()
            process.wait()
        said = log.read_text()
        assert "Traceback" not in said, said
        assert " ERROR " not in said, said


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
