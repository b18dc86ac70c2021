"""A real HTTP server in the place of a provider: it does what a script says and tells what it saw."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import msgspec

from .exchange import Connection, Seen
from .script import Script


class ScriptedUpstream:
    """An OpenAI-compatible server on a thread of its own, with a loop of its own.

    Which script answers a request: the one that the request carries itself, as JSON in its model's name or
    in the last user message; else the next one queued with `script()`; else `default`. Methods may be called
    from any thread; other processes use `GET /_seen` and `POST /_script` (a JSON list of scripts).
    """

    def __init__(
        self,
        *,
        default: Script | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        models: tuple[str, ...] = ("scripted",),
    ) -> None:
        self.default = default or Script()
        self.models = models
        #: Every request for a completion, in the order of arrival.
        self.seen: list[Seen] = []
        self._queue: deque[Script] = deque()
        self._connections: set[Connection] = set()
        self._host = host
        self._port = port
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """What to give to an OpenAI client."""
        return f"http://{self._host}:{self._port}/v1"

    @property
    def live(self) -> int:
        """The number of answers going on."""
        return sum(seen.live for seen in list(self.seen))

    @property
    def connections(self) -> int:
        """The number of open connections, those kept alive included."""
        return sum(not connection.leaving for connection in list(self._connections))

    def script(self, *scripts: Script) -> None:
        """Queues scripts for the next requests, one each."""
        self._queue.extend(scripts)

    def forget(self) -> None:
        """Forgets what was seen and queued; answers going on are not touched."""
        self.seen.clear()
        self._queue.clear()

    def start(self) -> Self:
        """Begins to listen, after a `stop()` on the same port again. Raises OSError when it cannot."""
        listening = socket.create_server((self._host, self._port), backlog=1024)
        self._port = listening.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        running = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._loop, listening, running), name="scripted-upstream", daemon=True
        )
        self._thread.start()
        running.wait()
        return self

    def stop(self) -> None:
        """Closes everything."""
        thread, self._thread = self._thread, None
        if thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait_requests(self, count: int, timeout: float = 5) -> list[Seen]:
        """Waits until `count` requests have been seen, and returns all. Raises TimeoutError."""
        self._wait(lambda: len(self.seen) >= count, timeout, f"{count} requests")
        return self.seen

    def wait_closed(self, index: int = -1, timeout: float = 5) -> Seen:
        """Waits until the exchange of request `index` is over. Raises TimeoutError."""
        self._wait(
            lambda: bool(self.seen) and not self.seen[index].live, timeout, f"the end of request {index}"
        )
        return self.seen[index]

    def wait_idle(self, timeout: float = 5) -> None:
        """Waits until no answer is going on. Raises TimeoutError."""
        self._wait(lambda: self.live == 0, timeout, "the end of all answers")

    def await_requests(self, count: int, timeout: float = 5) -> Awaitable[list[Seen]]:
        """`wait_requests` for a coroutine."""
        return asyncio.to_thread(self.wait_requests, count, timeout)

    def await_closed(self, index: int = -1, timeout: float = 5) -> Awaitable[Seen]:
        """`wait_closed` for a coroutine."""
        return asyncio.to_thread(self.wait_closed, index, timeout)

    def await_idle(self, timeout: float = 5) -> Awaitable[None]:
        """`wait_idle` for a coroutine."""
        return asyncio.to_thread(self.wait_idle, timeout)

    def choose(self, path: str, headers: dict[str, str], body: Any) -> tuple[Script, Seen] | bytes:
        """The script to follow, or the JSON of an immediate answer."""
        if path == "/_seen":
            return msgspec.json.encode(
                {"requests": self.seen, "live": self.live, "connections": self.connections}
            )
        if path == "/_script":
            self.script(*msgspec.convert(body, list[Script]))
            return b"{}"
        if path.endswith("/models"):
            return json.dumps(
                {"object": "list", "data": [{"id": id, "object": "model"} for id in self.models]}
            ).encode()
        script = script_of(body)
        if script is None:
            script = self._queue.popleft() if self._queue else self.default
        script = script.going_on(beginning_of(body))
        seen = Seen(index=len(self.seen), path=path, headers=headers, body=body, at=time.monotonic())
        self.seen.append(seen)
        self.changed()
        return script, seen

    def changed(self) -> None:
        """Wakes who waits."""
        with self._changed:
            self._changed.notify_all()

    def connected(self, connection: Connection, *, lost: bool) -> None:
        """A connection came or went."""
        if lost:
            self._connections.discard(connection)
        else:
            self._connections.add(connection)
        self.changed()

    def _wait(self, fulfilled: Callable[[], bool], timeout: float, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(fulfilled, timeout):
                raise TimeoutError(f"The upstream did not see {what} within {timeout} s")

    def _run(
        self, loop: asyncio.AbstractEventLoop, listening: socket.socket, running: threading.Event
    ) -> None:
        server = loop.run_until_complete(loop.create_server(lambda: Connection(self), sock=listening))
        loop.call_soon(running.set)
        loop.run_forever()
        # Closed at once, the server would forget who was let in last; they are made known in the next rounds.
        loop.remove_reader(listening)
        loop.run_until_complete(asyncio.sleep(0))
        server.close()
        for connection in list(self._connections):
            connection.abort()
        loop.run_until_complete(server.wait_closed())
        # The aborted connections are told in the loop's next round.
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def script_of(body: Any) -> Script | None:
    """The script that a request carries in its model's name or its last user message."""
    if not isinstance(body, dict):
        return None
    messages = body.get("messages")
    spoken = [
        message.get("content")
        for message in (messages if isinstance(messages, list) else [])
        if isinstance(message, dict) and message.get("role") == "user"
    ]
    for carrier in (body.get("model"), *spoken[-1:]):
        if isinstance(carrier, str) and carrier.startswith("{"):
            try:
                return msgspec.convert(json.loads(carrier), Script, strict=False)
            except (ValueError, msgspec.ValidationError):
                continue
    return None


def beginning_of(body: Any) -> str:
    """The unfinished answer that a request ends with, or has before a last wish to go on; empty for none."""
    messages = body.get("messages") if isinstance(body, dict) else None
    for message in (messages or [])[-1:-3:-1]:
        if isinstance(message, dict) and message.get("role") == "assistant":
            return str(message.get("content") or "")
    return ""


def main() -> None:
    """Serves until it is told to stop; prints its base URL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--default", default="{}", help="the script of requests that carry none, as JSON")
    options = parser.parse_args()
    default = msgspec.convert(json.loads(options.default), Script, strict=False)
    stops = {signal.SIGINT, signal.SIGTERM}
    # Blocked before the thread starts, or it would be the one that dies of them.
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    with ScriptedUpstream(default=default, host=options.host, port=options.port) as upstream:
        print(upstream.base_url, flush=True)
        signal.sigwait(stops)


if __name__ == "__main__":
    main()
