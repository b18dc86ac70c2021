"""The demo user of `make run`: a superuser who exists for this machine and for development only."""

from __future__ import annotations

import ipaddress
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

USERNAME = "demo"


class DemoOnlyHere(BaseBackend):
    """Refuses the demo user, with the right password too, from another machine and when DEBUG is off."""

    def authenticate(self, request: HttpRequest | None, username: str | None = None, **credentials: Any) -> None:
        if username != USERNAME:
            return
        address = request.META.get("REMOTE_ADDR", "") if request else ""
        if not (settings.DEBUG and _is_loopback(address)):
            raise PermissionDenied


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def ensure_user() -> None:
    """Makes the demo user, and a password for them when there is none to be shown."""
    path = settings.DEMO_PASSWORD_FILE
    users = get_user_model()._default_manager
    user = users.filter(username=USERNAME).first()
    if user is not None and path.exists():
        return
    if user is None:
        user = get_user_model()(username=USERNAME, is_staff=True, is_superuser=True)
    password = secrets.token_urlsafe(9)
    user.set_password(password)
    user.save()
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(f"{password}\n")


def main() -> None:
    """Shows the demo user's password: `make password`."""
    path = settings.DEMO_PASSWORD_FILE
    if path.exists():
        print(f"{USERNAME} / {path.read_text().strip()}")
    else:
        print("There is no demo user yet: `make run` makes one.")


if __name__ == "__main__":
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    main()
