"""`DATABASE_URL` as an entry of Django's `DATABASES`."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

#: Seconds that a writer waits for SQLite's lock.
BUSY_TIMEOUT = 5
#: Seconds that a thread waits for a PostgreSQL connection: a lost database must be noticed soon.
POOL_TIMEOUT = 3


def configure(url: str) -> dict[str, Any]:
    """The settings of the database at `url`: `sqlite:///relative`, `sqlite:////absolute` or `postgres://…`.

    Query parameters are passed to the driver. Raises ImproperlyConfigured for any other scheme.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return _sqlite(Path(unquote(parts.path.removeprefix("/"))))
    if parts.scheme in ("postgres", "postgresql"):
        options = dict(parse_qsl(parts.query))
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.removeprefix("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": options.pop("host", "") or unquote(parts.hostname or ""),
            "PORT": str(parts.port or ""),
            # Persistent connections would belong to threads that an ASGI server does not keep.
            "CONN_MAX_AGE": 0,
            "OPTIONS": {
                **options,
                "connect_timeout": POOL_TIMEOUT,
                "pool": {"min_size": 1, "max_size": 12, "timeout": POOL_TIMEOUT},
            },
        }
    raise ImproperlyConfigured(
        f"DATABASE_URL: expected sqlite:// or postgres://, got {parts.scheme or 'none'}://"
    )


def _sqlite(path: Path) -> dict[str, Any]:
    if path.name in ("", ":memory:"):
        # Threads do not share an in-memory database without losing writes to its table locks.
        raise ImproperlyConfigured("DATABASE_URL: sqlite:// needs a file")
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "timeout": BUSY_TIMEOUT,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
    }
