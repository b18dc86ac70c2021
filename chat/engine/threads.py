"""Threads for the engine's database work, apart from the one thread that all of Channels shares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connections

P = ParamSpec("P")
T = TypeVar("T")


class DatabaseThreads:
    """A few threads for database work.

    One thread for all writes of a process ends the quarrel for SQLite's write lock and makes the
    order of submits the order of their commits; being busy it keeps its connection. Reading threads
    give theirs back after each call.
    """

    def __init__(self, name: str, size: int) -> None:
        self._keeps_connection = size == 1
        self._executor = ThreadPoolExecutor(size, thread_name_prefix=f"llmchat-{name}")

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `function` in one of the threads. Cancelling the caller does not undo what it writes."""

        def guarded() -> T:
            keep = self._keeps_connection
            try:
                return function(*args, **kwargs)
            except (OperationalError, InterfaceError):
                # The connection may be the thing that broke: the next call opens a new one.
                keep = False
                raise
            finally:
                if not keep:
                    connections.close_all()

        return await asyncio.get_running_loop().run_in_executor(self._executor, guarded)

    def close(self) -> None:
        """Closes the connection that was kept, then the threads; waits for work under way."""
        if self._keeps_connection:
            self._executor.submit(connections.close_all)
        self._executor.shutdown(wait=True)
