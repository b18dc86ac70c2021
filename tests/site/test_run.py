from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from chat import local_model
from project import run


def test_a_taken_port_is_named_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        with pytest.raises(run.CannotRun, match=f"Port {port} is taken"):
            run.port_from_environment()


@pytest.mark.parametrize("value", ["eighty", "0", "70000", "-1"])
def test_a_port_that_is_none_is_named_in_a_sentence(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PORT", value)
    with pytest.raises(run.CannotRun, match=value):
        run.port_from_environment()


def test_without_the_weights_two_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_model, "WEIGHTS_PACKAGE", "not_installed_anywhere")
    with pytest.raises(CommandError, match="OPENAI_BASE_URL and OPENAI_API_KEY"):
        call_command("llmchat_local_model", port=0)


def test_without_a_wheel_of_the_server_two_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(CommandError, match="OPENAI_BASE_URL and OPENAI_API_KEY"):
        call_command("llmchat_local_model", port=0)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `python <arguments>` in the root, on a database of its own; ends it with the test."""
    started: list[subprocess.Popen[str]] = []
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENAI_", "LLMCHAT_", "DJANGO_", "LOCAL_MODEL"))
    }

    def start(*arguments: str, **variables: str) -> subprocess.Popen[str]:
        environ = {**kept, "DATABASE_URL": f"sqlite:///{tmp_path}/run.sqlite3", **variables}
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=settings.BASE_DIR,
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.slow
def test_the_local_model_streams_an_answer(start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start("manage.py", "llmchat_local_model", "--port=0", DJANGO_SETTINGS_MODULE="project.settings")
    name, _, url = line(process).split()
    assert name == local_model.MODEL_ID
    question = {"messages": [{"role": "user", "content": "Say hello."}], "stream": True, "max_tokens": 5}
    request = Request(
        f"{url}/chat/completions", json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(request) as answer:
        events = [part.removeprefix(b"data: ") for part in answer.read().split(b"\n\n") if part]
    assert events[-1] == b"[DONE]"
    deltas = [json.loads(event)["choices"][0]["delta"].get("content") for event in events[:-1]]
    assert len([delta for delta in deltas if delta]) >= 3
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 0


@pytest.mark.slow
def test_the_site_says_three_lines_answers_and_leaves_no_process_behind(
    start: Callable[..., subprocess.Popen[str]],
) -> None:
    port = run.free_port()
    process = start("-m", "project.run", PORT=str(port), DEBUG="1")
    address, user, hint = (line(process) for _ in range(3))
    assert f"http://127.0.0.1:{port}/" in address
    assert "demo" in user
    assert "OPENAI_BASE_URL and OPENAI_API_KEY" in hint
    (model,) = psutil.Process(process.pid).children()
    with urlopen(f"http://127.0.0.1:{port}/accounts/login/") as page:
        assert page.status == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0
    assert not model.is_running()


@pytest.mark.slow
def test_the_model_ends_when_the_site_is_killed(start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start("-m", "project.run", PORT=str(run.free_port()), DEBUG="1")
    assert line(process)
    (model,) = psutil.Process(process.pid).children()
    process.kill()
    assert model.wait(timeout=10) is None


@pytest.mark.slow
def test_with_a_model_of_one_s_own_none_is_started(start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start(
        "-m",
        "project.run",
        PORT=str(run.free_port()),
        OPENAI_BASE_URL="http://127.0.0.1:9/v1",
        LLMCHAT_MODEL="mine",
    )
    said = [line(process) for _ in range(3)]
    assert said[2] == "Model mine at http://127.0.0.1:9/v1\n"
    assert psutil.Process(process.pid).children() == []
