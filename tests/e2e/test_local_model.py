"""What `make run` gives: a real language model, a demo user, the chat and the admin."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import BrowserContext, expect

from project import demo
from project.run import HOST, free_port
from tests.servers import PATIENCE

from .person import COMPOSER, Person


@pytest.fixture
def running(tmp_path: Path) -> Iterator[str]:
    """The address of a site that was started as `make run` starts it."""
    port = free_port()
    cleared = ("OPENAI_", "LLMCHAT_", "DJANGO_", "LOCAL_MODEL", "DATABASE_")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(cleared)}
    environ |= {"PORT": str(port), "DEBUG": "1", "DATABASE_URL": f"sqlite:///{tmp_path}/run.sqlite3"}
    command = [sys.executable, "-m", "project.run"]
    with subprocess.Popen(command, cwd=settings.BASE_DIR, env=environ, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline().decode() for _ in range(3)]
            assert str(port) in lines[0]
            yield f"http://{HOST}:{port}"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)


def words(text: str) -> str:
    """The text without what Markdown may yet take away."""
    return re.sub(r"[^\w\s]", "", text)


@pytest.mark.slow
def test_a_real_model_answers_grows_survives_a_reload_and_is_stopped(
    context: BrowserContext, running: str
) -> None:
    person = Person(context, running)
    person.page.goto(running)
    person.page.fill("input[name=login]", demo.USERNAME)
    person.page.fill("input[name=password]", demo.password())
    person.page.click("main button[type=submit]")
    person.page.wait_for_selector(COMPOSER)
    expect(person.page.get_by_text("tiny demo model")).to_be_visible()

    person.ask("Explain how a rainbow comes about, in three sentences.")
    # Each longer than the one before, whatever the model's and the machine's pace: it grows.
    steps = [person.wait_for_text(1, timeout=60_000)]
    while len(steps) < 3:
        steps.append(person.wait_for_text(len(steps[-1]) + 1, timeout=60_000))
    person.page.reload()
    after = person.wait_for_text(len(steps[-1]), timeout=60_000)
    assert words(after).startswith(words(steps[-1]))
    person.expect_done(timeout=120_000)
    expect(person.answer.get_by_role("button", name="Try again")).to_be_visible()
    first = person.text()
    assert words(first).startswith(words(steps[-1]))

    person.ask("Write a long story about a fox, a lighthouse and a storm.")
    expect(person.answers).to_have_count(2)
    person.wait_for_text(20, timeout=60_000)
    person.page.get_by_role("button", name="Stop", exact=True).click()
    expect(person.state).to_contain_text("Stopped.")

    person.page.goto(f"{running}/admin/llmchat/conversation/")
    person.page.get_by_role("link", name=re.compile("Explain how a rainbow")).first.click()
    content = person.page.locator("#content")
    for expected in ("rainbow comes about", "complete", "a fox, a lighthouse", "stopped"):
        expect(content).to_contain_text(expected)
    assert person.problems == []
