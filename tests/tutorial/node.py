"""Packages from npm, in a folder below var/ that outlives the run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

#: Seconds for the registry.
_PATIENCE = 180


class NoNpm(Exception):
    """Raised where Node's package manager is missing, or cannot reach its registry."""


def install(package_json: Path, name: str) -> Path:
    """The folder with `node_modules` of that package.json, made if it is not there. Raises NoNpm."""
    folder = Path(__file__).resolve().parents[2] / "var" / name
    wanted, stamp = package_json.read_text(), folder / "installed.json"
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise NoNpm("npm is not on the path")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(package_json, folder / "package.json")
    command = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    if done.returncode:
        raise NoNpm(done.stderr[-500:])
    stamp.write_text(wanted)
    return folder
