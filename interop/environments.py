"""Environments for other people's programs, below var/: their pins are not ours."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_VAR = ROOT / "var" / "interop"


def python_with(name: str, *requirements: str) -> Path:
    """The Python of an environment, kept from run to run, with the newest of these packages."""
    folder = _VAR / name
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    subprocess.run([*pip, *requirements], check=True)
    return python


def version_of(python: Path, package: str) -> str:
    """The version of a package in an environment."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
