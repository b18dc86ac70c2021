"""The wheel in a site of another shape; most is proven by that site's own suite, in `bookshop/tests`."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

from django.conf import settings

from tests import postgresql

from .hosts import Host

LOOK = """
import importlib.util, json, sys
names = ("chat", "llmchat", "project", "tests.site", "tests.host", "manage")
found = {name: importlib.util.find_spec(name) for name in names}
print(json.dumps([sys.path, {name: spec and spec.origin for name, spec in found.items()}]))
"""


def test_the_site_sees_the_wheel_and_nothing_of_this_checkout(shop: Host) -> None:
    path, found = json.loads(shop.run("-c", LOOK))
    assert not [entry for entry in path if entry.startswith(str(settings.BASE_DIR))]
    assert found["chat"] == str(shop.folder / "chat" / "__init__.py")
    assert "/site-packages/llmchat/" in found["llmchat"]
    assert found["manage"] == str(shop.folder / "manage.py")
    assert found["project"] is found["tests.site"] is found["tests.host"] is None


def test_the_site_s_own_suite_passes(shop: Host) -> None:
    assert " passed" in shop.run("-m", "pytest", "-q")


def test_what_the_site_asks_is_answered_on_postgresql(shop: Host) -> None:
    with postgresql.server() as url:
        place = urlsplit(url)
        said = shop.run(
            *("-m", "pytest", "-q", "tests/test_desk.py"),
            PGHOST=parse_qs(place.query)["host"][0],
            PGDATABASE=place.path.removeprefix("/"),
            PGUSER=place.username or "",
        )
    assert " passed" in said
