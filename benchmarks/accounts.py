"""`python -m benchmarks.accounts <count>` makes the database that `DATABASE_URL` names, and users in it.

Writes `{"cookies": [...], "keys": [...]}` to stdout, a session's cookie and an API key for each user.
"""

from __future__ import annotations

import json
import os
import sys

import django
from django.contrib.auth.hashers import make_password
from django.core.management import call_command


def make(count: int) -> dict[str, list[str]]:
    """The session keys and API keys of `count` new users in a migrated database."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    # Models can be imported from here on.
    from django.contrib.auth.models import User
    from django.db import transaction

    from chat.models import ApiKey
    from tests.insite import sign_in

    call_command("migrate", verbosity=0)
    with transaction.atomic():
        password = make_password(None)
        people = [User(username=f"viewer{number}", password=password) for number in range(count)]
        made = User.objects.bulk_create(people)
        keys = [ApiKey.objects.make(user, "load")[1] for user in made]
        return {"cookies": [sign_in(user) for user in made], "keys": keys}


if __name__ == "__main__":
    print(json.dumps(make(int(sys.argv[1]))))
