"""`python -m tests.desk` runs snippets with the site's settings: one JSON object a line.

A test that watches a site in another process asks here for what is in its database.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any

import django


def signed_in(username: str, **fields: Any) -> str:
    """A new session's key; the user is made if there is none of that name."""
    from django.conf import settings
    from django.contrib.auth import get_user_model, login
    from django.http import HttpRequest
    from django.utils.module_loading import import_string

    manager = get_user_model()._default_manager
    user, _ = manager.get_or_create(**{get_user_model().USERNAME_FIELD: username}, defaults=fields)
    request = HttpRequest()
    request.session = import_string(f"{settings.SESSION_ENGINE}.SessionStore")()
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[-1])
    request.session.save()
    return str(request.session.session_key)


def run(code: str, names: dict[str, Any]) -> Any:
    """The value of the snippet's last line, if that is an expression, or of its variable `result`."""
    from django.db import close_old_connections, connections

    close_old_connections()
    namespace = {**names, "signed_in": signed_in}
    try:
        try:
            return eval(code, namespace)
        except SyntaxError:
            exec(code, namespace)
            return namespace.get("result")
    finally:
        connections.close_all()


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    # What a snippet prints must not be taken for an answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": run(request["code"], request["names"])}
            text = json.dumps(answer, default=str)
        except Exception:
            text = json.dumps({"error": traceback.format_exc()})
        print(text, file=answers, flush=True)


if __name__ == "__main__":
    main()
