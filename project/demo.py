"""The demo user of `make run`: a superuser who exists for this machine and for development only."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model

USERNAME = "demo"


def ensure_user() -> None:
    """Makes the demo user and `DEMO_PASSWORD_FILE`, where they are missing, and has them agree."""
    path: Path = settings.DEMO_PASSWORD_FILE
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(f"{secrets.token_urlsafe(9)}\n")
    User = get_user_model()
    user = User._default_manager.filter(username=USERNAME).first()
    if user is None:
        user = User(username=USERNAME, is_staff=True, is_superuser=True)
    # Another database, or somebody who tried the page for changing it, may have another password.
    if not user.check_password(password()):
        user.set_password(password())
        user.save()


def password() -> str:
    """The demo user's password; raises FileNotFoundError before the first `make run`."""
    path: Path = settings.DEMO_PASSWORD_FILE
    return path.read_text().strip()


def main() -> None:
    """Shows who to sign in as: `make password`."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    try:
        print(f"{USERNAME} / {password()}")
    except FileNotFoundError:
        sys.exit("There is no demo user yet: `make run` makes one.")


if __name__ == "__main__":
    main()
