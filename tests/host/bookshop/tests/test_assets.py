"""The chat's scripts are modules that import each other: which names do they have once collected?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from bookshop.assets import HashedModules

SOURCE = Path(str(resources.files("llmchat") / "static"))
HASHED = re.compile(r"\.[0-9a-f]{12}\.js$")
#: As Django sees them: in comments too, but not the types that come by @import, without a semicolon.
IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["'](\.[^"']+)["']\s*[;)]""")


def imported(module: Path) -> list[Path]:
    if module.suffix != ".js":
        return []
    return [(module.parent / name).resolve() for name in IMPORT.findall(module.read_text())]


def depth(module: Path, above: tuple[Path, ...] = ()) -> int:
    """The longest way down from a module; modules in a circle could never be named after their content."""
    assert module not in above, f"{module.name} imports itself, by way of others"
    return 1 + max((depth(found, (*above, module)) for found in imported(module)), default=0)


class ImportersFirst(HashedModules):
    """Meets the files in the order that needs most rounds; in what order they lie on a disk is chance."""

    def post_process(self, paths: dict[str, Any], *args: Any, **kwargs: Any) -> Iterator[Any]:
        rounds = {name: depth(SOURCE / name) for name in paths if (SOURCE / name).exists()}
        worst = sorted(paths, key=lambda name: -rounds.get(name, 0))
        return super().post_process({name: paths[name] for name in worst}, *args, **kwargs)


def collect(settings: Any, folder: Path, storage: str) -> list[Path]:
    """Collects with `storage`; returns the chat's modules."""
    settings.STATIC_ROOT = folder
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": storage}}
    call_command("collectstatic", interactive=False, verbosity=0)
    return list((folder / "llmchat").rglob("*.js"))


@pytest.mark.parametrize("storage", ["bookshop.assets.HashedModules", "tests.test_assets.ImportersFirst"])
def test_hashed_modules_import_hashed_modules(settings: Any, tmp_path: Path, storage: str) -> None:
    hashed = [module for module in collect(settings, tmp_path, storage) if HASHED.search(module.name)]
    assert len(hashed) > 20
    found = [target for module in hashed for target in imported(module)]
    assert len(found) > 40
    assert [target.name for target in found if target not in hashed] == []


def test_with_django_s_plain_storage_modules_import_each_other_by_their_own_names(
    settings: Any, tmp_path: Path
) -> None:
    storage = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    modules = collect(settings, tmp_path, storage)
    found = {target for module in modules for target in imported(module)}
    assert len(found) > 20
    assert {target.name for target in found if HASHED.search(target.name) or not target.exists()} == set()
