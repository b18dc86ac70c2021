"""Small readers of environment variables for the settings."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.core.exceptions import ImproperlyConfigured


def switch(name: str) -> bool:
    """Whether the variable `name` is on; raises ImproperlyConfigured for anything but a plain yes or no."""
    value = os.environ.get(name, "").strip().lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("", "0", "false", "no", "off"):
        return False
    raise ImproperlyConfigured(f"{name}: expected 1 or 0, got {value!r}")


def choice(name: str, allowed: tuple[str, ...], default: str) -> str:
    """The variable `name`, one of `allowed`; raises ImproperlyConfigured for anything else."""
    value = os.environ.get(name) or default
    if value not in allowed:
        raise ImproperlyConfigured(f"{name}: expected one of {', '.join(allowed)}, got {value!r}")
    return value


def words(name: str, default: str) -> list[str]:
    """The comma-separated parts of the variable `name`."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def secret_key(kept_in: Path) -> str:
    """`SECRET_KEY`, or a random one that is made once and kept, readable by its owner only, in `kept_in`."""
    if key := os.environ.get("SECRET_KEY"):
        return key
    kept_in.parent.mkdir(parents=True, exist_ok=True)
    if not kept_in.exists():
        with NamedTemporaryFile("w", dir=kept_in.parent) as fresh:
            fresh.write(secrets.token_urlsafe(50))
            fresh.flush()
            # Of several processes that start at once the first to link decides for all.
            with suppress(FileExistsError):
                kept_in.hardlink_to(fresh.name)
    return kept_in.read_text()
