"""The settings of the site, for the suite: SQLite in a file, or the database that `DATABASE_URL` names."""

from __future__ import annotations

import os

from project.settings import *  # noqa: F403 -- the suite tests the site as it is
from project.settings import DATABASES, STATE_DIR

SECRET_KEY = "tests"
DEBUG = False
LLMCHAT_SIGNUP = "open"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, because threads that share an in-memory database lose writes to its table locks; one for each
    # run, because two runs at once would share it.
    DATABASES["default"]["TEST"] = {"NAME": STATE_DIR / f"test-{os.getpid()}.sqlite3"}
