"""A provider in front of another one: it fails a few times, then passes everything on."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.request import Request, urlopen


class FlakyProvider:
    """Answers the first `failures` questions with 500; `asked` counts all."""

    def __init__(self, base_url: str, failures: int) -> None:
        self.asked = 0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                provider.asked += 1
                if provider.asked <= failures:
                    self.send_error(500)
                    return
                request = Request(base_url + self.path.removeprefix("/v1"), body, method="POST")
                request.add_header("Content-Type", "application/json")
                with urlopen(request, timeout=60) as answer:
                    self.send_response(answer.status)
                    self.send_header("Content-Type", answer.headers["Content-Type"])
                    self.end_headers()
                    while part := answer.read1():
                        self.wfile.write(part)
                        self.wfile.flush()

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
