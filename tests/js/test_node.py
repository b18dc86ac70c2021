"""The page's modules without a browser: `node --test`, with the node on the path or Playwright's own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable

HERE = Path(__file__).parent
#: The first node whose test runner mocks timers as these tests need it.
OLDEST = 20


def node() -> str:
    """A node that is new enough; Playwright brings one along."""
    found = shutil.which("node")
    if found is not None:
        version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
        if version.startswith("v") and int(version[1:].split(".")[0]) >= OLDEST:
            return found
    return str(compute_driver_executable()[0])


@pytest.mark.slow
def test_the_modules_of_the_page() -> None:
    tests = sorted(str(path) for path in HERE.glob("*.test.js"))
    run = subprocess.run([node(), "--test", *tests], capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
