"""Packages from npm, in a folder below var/ that outlives the run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

#: Seconds for the registry.
_PATIENCE = 180


def installed(package_json: Path, name: str) -> Path:
    """The folder with `node_modules` of that package.json. Where there is no npm the test is skipped.

    On CI it fails then.
    """
    folder: Path = settings.BASE_DIR / "var" / name
    wanted, stamp = package_json.read_text(), folder / "installed.json"
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(package_json, folder / "package.json")
    npm = shutil.which("npm")
    if npm is None:
        return _missing("NO NPM: Node's package manager is not on the path")
    command = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    if done.returncode:
        return _missing(f"NO NPM: {done.stderr[-500:]}")
    stamp.write_text(wanted)
    return folder


def _missing(message: str) -> Path:
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
