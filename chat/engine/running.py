"""Which runner serves whom: one per event loop, and one on a thread of its own where there is none."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from ..exceptions import Refused

if TYPE_CHECKING:
    from .runner import Runner

_lock = threading.Lock()
_starting = threading.Lock()
_runners: dict[asyncio.AbstractEventLoop, Runner] = {}


def runners() -> list[Runner]:
    """All runners of this process that are in use."""
    with _lock:
        for loop in [loop for loop in _runners if loop.is_closed()]:
            del _runners[loop]
        return [runner for runner in _runners.values() if not runner.closed]


def runner_here() -> Runner:
    """The runner of the running event loop, started if need be."""
    # Not above: models and admin are imported by every command, and the SDK takes longer than all of Django.
    # A server has it since it imported its consumers.
    from .runner import Runner

    loop = asyncio.get_running_loop()
    with _lock:
        runner = _runners.get(loop)
        if runner is None or runner.closed:
            runner = _runners[loop] = Runner()
            runner.start()
        return runner


def any_runner() -> Runner:
    """A runner for code without a loop, or with a short-lived one: the server's where there is one."""
    with _starting:
        alive = [runner for runner in runners() if runner.loop.is_running()]
        if not alive:
            return _start_thread()
    for runner in alive:
        if not runner.draining:
            return runner
    raise Refused("shutting_down", retry_after=2)


def _start_thread() -> Runner:
    """A loop on a daemon thread, for shells, commands and WSGI servers."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="llmchat-loop", daemon=True).start()

    async def start() -> Runner:
        return runner_here()

    return asyncio.run_coroutine_threadsafe(start(), loop).result()


async def close_here() -> None:
    """Closes the runner of the running event loop, if there is one."""
    loop = asyncio.get_running_loop()
    with _lock:
        runner = _runners.pop(loop, None)
    if runner is not None:
        await runner.close()
