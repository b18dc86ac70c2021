"""`make run`: the database, a demo user, a local language model and the site on daphne, until Ctrl-C."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import django
from daphne.server import Server
from django.conf import settings
from django.core.management import call_command

from . import demo

HOST = "127.0.0.1"
#: Seconds that the model gets to load.
MODEL_TIMEOUT = 30


class CannotRun(Exception):
    """Raised with a sentence for the user when the site cannot be started."""


def port_from_environment() -> int:
    """`PORT`, default 8000; raises CannotRun when that is no port, or another program listens on it."""
    value = os.environ.get("PORT") or "8000"
    if not (value.isdigit() and 0 < int(value) < 65536):
        raise CannotRun(f"PORT must be a number from 1 to 65535, not {value!r}.")
    with socket.socket() as probe:
        # As daphne does: connections of an earlier run that linger in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, int(value)))
        except OSError as error:
            raise CannotRun(f"Port {value} is taken. Choose another one: PORT=8001 make run") from error
    return int(value)


def free_port() -> int:
    """A port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def local_model(port: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that serves the model; it ends with the block, or with this process if that is killed."""
    command = [
        sys.executable,
        "manage.py",
        "llmchat_local_model",
        f"--port={port}",
        "--with-parent",
        *options,
    ]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield child
    finally:
        child.terminate()
        child.wait()


def wait_until_served(child: subprocess.Popen[bytes], port: int) -> None:
    """Returns when the model listens on `port`, or has said why it does not."""
    deadline = time.monotonic() + MODEL_TIMEOUT
    while child.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.05)


def prepare() -> None:
    """Brings the database up to date and makes the demo user."""
    django.setup()
    call_command("migrate", verbosity=0)
    if settings.DEBUG:
        demo.ensure_user()


def announce(port: int) -> None:
    """Prints the three lines that somebody needs who sees this for the first time."""
    who = "Sign in with an account of yours (`manage.py createsuperuser` makes one)"
    if settings.DEBUG:
        who = f"Sign in as {demo.USERNAME}, password {demo.password()} (`make password` shows it again)"
    model = "Tiny demo model: set OPENAI_BASE_URL and OPENAI_API_KEY for a real one"
    if not settings.LLMCHAT.get("DEMO"):
        model = f"Model {settings.LLMCHAT['MODEL']} at {settings.LLMCHAT['PROVIDERS']['default']['BASE_URL']}"
    print(f"Chat at http://{HOST}:{port}/", who, model, sep="\n", flush=True)


def serve(port: int) -> None:
    """Runs daphne until SIGINT or SIGTERM."""
    # The import starts the app, which asks for the reactor that daphne's import has installed.
    from .asgi import application

    Server(
        application,
        endpoints=[f"tcp:port={port}:interface={HOST}"],
        ready_callable=lambda: announce(port),
        server_name="",
    ).run()


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    os.environ.setdefault("DEBUG", "1")
    port = port_from_environment()
    if os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_KEY"):
        prepare()
        serve(port)
        return
    model_port = int(os.environ.setdefault("LOCAL_MODEL_PORT", str(free_port())))
    with local_model(model_port) as child:
        prepare()
        wait_until_served(child, model_port)
        serve(port)


if __name__ == "__main__":
    try:
        main()
    except CannotRun as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
