"""How the engine starts with its server, and dies in order with it."""

from __future__ import annotations

import asyncio
import atexit
import logging
import signal
import sys
import threading
from typing import Any

from .consumers import ChatConsumer
from .engine.running import close_here, runner_here, runners
from .routing import socket_path

logger = logging.getLogger("llmchat")

CLOSE_RESTART_DAPHNE = 4012
CLOSE_RESTART = 1012
#: Seconds for what is left on daphne's loop at the very end to notice that it was cancelled.
GOODBYE_SECONDS = 1.0


class Sockets:
    """Sends the chat's path to its consumer and everything else to the host's own application."""

    def __init__(self, other: Any) -> None:
        self._other = other
        self._chat: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._chat is None:
            # The URLs can be reversed only after Django has been set up.
            self._path, self._chat = socket_path(), ChatConsumer.as_asgi()
        if scope["path"].removeprefix(scope.get("root_path", "")) == self._path:
            await self._chat(scope, receive, send)
        elif self._other is not None:
            await self._other(scope, receive, send)
        else:
            await send({"type": "websocket.close"})


async def lifespan(scope: Any, receive: Any, send: Any) -> None:
    """ASGI's lifespan: starts the engine, and drains it at the end."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            runner_here()
            _listen_to_signals()
            await send({"type": "lifespan.startup.complete"})
        else:
            await runner_here().drain(close_code=CLOSE_RESTART)
            await close_here()
            await send({"type": "lifespan.shutdown.complete"})
            return


def _listen_to_signals() -> None:
    """uvicorn ends open responses before it ends the lifespan: the drain has to begin at the signal."""
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread may; such a server drains at the end of its lifespan.
        return
    loop = asyncio.get_running_loop()
    runner = runner_here()

    def begin() -> None:
        if runner.draining:
            runner.hurry()
        else:
            runner.spawn(runner.drain(close_code=CLOSE_RESTART))

    for name in (signal.SIGTERM, signal.SIGINT):
        earlier = signal.getsignal(name)
        if not callable(earlier):
            continue

        def handle(number: int, frame: Any, earlier: Any = earlier) -> None:
            loop.call_soon_threadsafe(begin)
            earlier(number, frame)

        signal.signal(name, handle)


def hook_into_daphne() -> None:
    """Starts with the reactor; at its shutdown, drains before it lets go."""
    if "daphne.server" not in sys.modules:
        return
    from twisted.internet import reactor as installed
    from twisted.internet.defer import Deferred

    started: list[asyncio.AbstractEventLoop] = []

    def start() -> None:
        # daphne's asyncio reactor runs the event loop, but it has no coroutine of ours to start from.
        loop = asyncio.get_event_loop_policy().get_event_loop()
        started.append(loop)
        loop.call_soon(runner_here)
        atexit.register(_empty, loop)

    def shutdown() -> Any:
        runner = next((runner for runner in runners() if runner.loop in started), None)
        if runner is None:
            return None
        # In this very call, before daphne cancels the sockets' applications.
        runner.farewell(CLOSE_RESTART_DAPHNE)
        # Twisted would ignore a second signal.
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: runner.loop.call_soon_threadsafe(runner.hurry))
        return Deferred.fromFuture(asyncio.ensure_future(end(), loop=runner.loop))

    async def end() -> None:
        await runner_here().drain(close_code=CLOSE_RESTART_DAPHNE)
        await close_here()

    # Twisted's stubs describe an interface with other argument names.
    reactor: Any = installed
    reactor.callWhenRunning(start)
    reactor.addSystemEventTrigger("before", "shutdown", shutdown)


def _empty(loop: asyncio.AbstractEventLoop) -> None:
    """Ends what is still on a loop that stands still, as `asyncio.run` does with its own.

    daphne cancels the applications that it knows at the signal; a page that comes back during the
    drain starts another one, and Twisted lets go of the loop with it. What the garbage collector
    finds suspended after the interpreter has begun to fall apart brings CPython 3.11 down (SIGSEGV).
    """
    if loop.is_running() or loop.is_closed():
        return
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if not left:
        return
    ended, _ = loop.run_until_complete(asyncio.wait(left, timeout=GOODBYE_SECONDS))
    for task in ended:
        if not task.cancelled():
            # Asked for, or it would be logged: threads are gone by now, which is no news to anybody.
            task.exception()
