"""A proxy in front of a site, such as offices have: it may let no WebSocket through, or nothing at all."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy:
    """`sockets`: whether WebSockets pass. After `close` nothing passes, and what was open is cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.sockets = False
        self.refused = 0
        self._closed = False
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((HOST, 0))
        self.base_url = f"http://{HOST}:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.close()

    def close(self) -> None:
        """The line is dead."""
        self._closed = True
        for one in tuple(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def reopen(self) -> None:
        self._closed = False

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self._closed:
                return
            head = client.recv(65536)
            if b"upgrade: websocket" in head.lower() and not self.sockets:
                self.refused += 1
                client.sendall(FORBIDDEN)
                return
            with socket.create_connection((HOST, self._port)) as server:
                server.sendall(head)
                self._open |= {client, server}
                back = threading.Thread(target=self._pipe, args=(server, client), daemon=True)
                back.start()
                self._pipe(client, server)
                back.join()
                self._open -= {client, server}

    def _pipe(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
