"""A fresh virtual environment with the built wheel in it, and nothing that the wheel does not ask for.

Nothing is downloaded: what the wheel asks for is linked from the environment that runs the tests. pip,
which sees only what lies in the new one, then refuses the wheel if something is missing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable
from email.parser import HeaderParser
from importlib.metadata import Distribution, distribution
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def build_wheel(source: Path, folder: Path) -> Path:
    """Builds the project in `source`; returns the wheel, which lies in `folder`."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    subprocess.run([*build, "--outdir", str(folder), str(source)], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path, *, extras: Iterable[str], beside: Iterable[str] = ()) -> Path:
    """Makes an environment in `folder` with `wheel[extras]` and the packages `beside`; returns its Python."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    wanted = Requirement(f"django-llmchat[{','.join(extras)}]")
    for found in _closure([*_requirements_of(wheel, wanted), *map(Requirement, beside)]):
        _link(found, packages)
    target = f"{wanted} @ {wheel.as_uri()}"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", target]
    subprocess.run(pip, check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    return python


def _requirements_of(wheel: Path, wanted: Requirement) -> list[Requirement]:
    with ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        headers = HeaderParser().parsestr(archive.read(metadata).decode())
    return _applying(headers.get_all("Requires-Dist", []), wanted.extras)


def _applying(requirements: Iterable[str], extras: Iterable[str]) -> list[Requirement]:
    """Those that hold here, with one of the extras or with none."""
    contexts = [{"extra": extra} for extra in ("", *extras)]
    return [
        found
        for found in map(Requirement, requirements)
        if found.marker is None or any(found.marker.evaluate(context) for context in contexts)
    ]


def _closure(requirements: list[Requirement]) -> list[Distribution]:
    seen: set[tuple[str, str]] = set()
    found: dict[str, Distribution] = {}
    while requirements:
        wanted = requirements.pop()
        name = canonicalize_name(wanted.name)
        extras = {extra for extra in ("", *wanted.extras) if (name, extra) not in seen}
        seen |= {(name, extra) for extra in extras}
        if extras:
            found[name] = distribution(name)
            requirements += _applying(found[name].requires or (), extras)
    return list(found.values())


def _link(package: Distribution, packages: Path) -> None:
    assert package.files is not None, package
    for file in package.files:
        if ".." in file.parts:
            # A command, which would start the other environment's Python.
            continue
        found, place = Path(str(package.locate_file(file))), packages / file
        top = Path(str(package.locate_file(file.parts[0])))
        if (top / "__init__.py").exists():
            # A package as a whole; what is none (namespaces, metadata, single modules) file by file.
            found, place = top, packages / file.parts[0]
        if not place.is_symlink():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(found)
