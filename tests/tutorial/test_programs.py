"""Programs of the kind that tutorials print, unchanged but for base URL, key and model.

Behind the site stands the real local model.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from chat.local_model import MODEL_ID, base_url
from tests import chromium
from tests.e2e.test_plain_page import PAGE
from tests.js.test_node import node
from tests.servers import SiteProcess

from .conftest import MAKE_KEY
from .flaky import FlakyProvider
from .node import NoNpm, install

pytestmark = pytest.mark.slow
PROGRAMS = Path(__file__).parent / "programs"
#: Seconds that the model gets for an answer on a busy machine.
PATIENCE = 120


def run(command: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a program that must succeed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    done = subprocess.run(
        command, env=kept | environ, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def figures(site: SiteProcess) -> dict[str, object]:
    """Of the generation last begun."""
    row = site.django(
        "from chat.models import Generation\n"
        "row = Generation.objects.latest('pk')\n"
        "result = {'status': row.status, 'door': row.door, 'message': row.message_id}"
    )
    return dict(row)


def _packages() -> Path:
    """What the program for Node needs. Where there is no npm its test is skipped, but never on CI."""
    try:
        return install(PROGRAMS / "package.json", "tutorial-node")
    except NoNpm as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(f"NO NPM: {missing}")


def test_the_python_sdk_prints_a_stream(site: SiteProcess, environ: dict[str, str]) -> None:
    done = run([sys.executable, str(PROGRAMS / "stream.py")], environ)
    assert len(done.stdout.split()) >= 3
    assert figures(site) == {"status": "complete", "door": "api", "message": None}


def test_the_node_sdk_prints_a_stream(site: SiteProcess, environ: dict[str, str]) -> None:
    folder = _packages()
    # Node looks for packages beside the program.
    program = shutil.copy(PROGRAMS / "stream.mjs", folder)
    done = run([node(), str(program)], environ)
    assert len(done.stdout.split()) >= 3
    assert figures(site)["status"] == "complete"


def test_a_call_without_a_stream_gives_the_whole_answer(site: SiteProcess, environ: dict[str, str]) -> None:
    done = run([sys.executable, str(PROGRAMS / "whole.py")], environ)
    *text, last = done.stdout.strip().splitlines()
    finish_reason, tokens = last.split()
    assert "".join(text).strip()
    assert finish_reason in ("stop", "length")
    assert 1 <= int(tokens) <= 40


def test_three_attempts_get_an_answer_from_an_upstream_that_fails_twice(
    model_port: int, tmp_path: Path
) -> None:
    with (
        FlakyProvider(base_url(model_port), failures=2) as upstream,
        SiteProcess(tmp_path, OPENAI_BASE_URL=upstream.base_url, LLMCHAT_MODEL=MODEL_ID) as site,
    ):
        environ = {
            "OPENAI_BASE_URL": f"{site.base_url}/v1",
            "OPENAI_API_KEY": str(site.django(MAKE_KEY)),
            "MODEL": MODEL_ID,
        }
        done = run([sys.executable, str(PROGRAMS / "retry.py")], environ)
    assert len(done.stdout.split()) >= 3
    assert upstream.asked == 3


@pytest.mark.browser
def test_a_page_that_splits_lines_shows_the_answer(site: SiteProcess, chromium_path: str) -> None:
    session = site.sign_in("ada")
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright, chromium_path)
        context = browser.new_context()
        context.add_cookies([{"name": "sessionid", "value": session, "url": site.base_url}])
        page = context.new_page()
        page.goto(f"{site.base_url}/healthz")
        got = page.evaluate(PAGE, [{"role": "user", "content": "Explain how a rainbow comes about."}])
        browser.close()
    assert got["status"] == 200
    assert len(got["text"].split()) >= 3
    assert got["steps"] >= 3
    assert figures(site) == {"status": "complete", "door": "http", "message": None}
