from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Path = settings.BASE_DIR


def lines(name: str) -> list[str]:
    text = (ROOT / name).read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def requirements(name: str) -> dict[str, Requirement]:
    return {canonicalize_name(found.name): found for found in map(Requirement, lines(name))}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return found


def test_requirements_hold_all_that_the_wheel_and_its_extras_need(project: dict[str, Any]) -> None:
    site = requirements("requirements.txt")
    extras = [text for group in project["optional-dependencies"].values() for text in group]
    for needed in map(Requirement, [*project["dependencies"], *extras]):
        found = site.get(canonicalize_name(needed.name))
        assert found is not None, needed
        assert set(needed.specifier) <= set(found.specifier), needed
        assert needed.extras <= found.extras, needed


def test_the_wheel_needs_only_what_the_app_imports(project: dict[str, Any]) -> None:
    needed = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    assert needed == {"django", "channels", "openai", "msgspec", "markdown-it-py", "nh3"}


def test_constraints_pin_every_requirement_within_its_range() -> None:
    pins = requirements("constraints.txt")
    for name, wanted in requirements("requirements.txt").items():
        assert name in pins, name
        (pin,) = pins[name].specifier
        assert pin.operator == "==", name
        assert wanted.specifier.contains(pin.version), name


@pytest.mark.parametrize("name", ["constraints.txt", "requirements.txt", "requirements-model.txt"])
def test_no_file_names_the_host_of_an_index(name: str) -> None:
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted", (ROOT / name).read_text())


@pytest.mark.slow
def test_the_wheel_ships_the_app_under_its_own_name(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("django_llmchat-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "chat"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    shipped = {f"llm{name}" for name in tracked if (ROOT / name).exists()}
    assert shipped
    assert shipped <= names
    assert {name.split("/")[0] for name in names} == {
        "llmchat",
        wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info",
    }


def test_a_management_command_does_not_wait_for_the_sdk() -> None:
    code = "import django, sys; django.setup(); sys.exit('openai' in sys.modules or 'aiohttp' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
