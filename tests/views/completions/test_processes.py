"""`v1/` under the servers that people run: the client's disconnect, and a body that is too large."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest

from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream
from project.run import HOST
from tests.servers import SiteProcess

pytestmark = pytest.mark.slow
#: Seconds from the client's going to the closing of its upstream.
DEADLINE = 0.5
MAKE_KEY = """
from django.contrib.auth import get_user_model
from chat.models import ApiKey
user, _ = get_user_model().objects.get_or_create(username="ada")
result = ApiKey.objects.make(user, "script")[1]
"""


@pytest.fixture(scope="module", params=["daphne", "uvicorn"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    with (
        ScriptedUpstream() as upstream,
        SiteProcess(
            tmp_path_factory.mktemp("site"),
            request.param,
            OPENAI_BASE_URL=upstream.base_url,
            LLMCHAT_MODEL="scripted",
        ) as site,
    ):
        site.upstream = upstream  # type: ignore[attr-defined]
        yield site


def connect(site: SiteProcess, body: bytes, size: int | None = None) -> socket.socket:
    key = site.django(MAKE_KEY)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {HOST}:{site.port}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {size or len(body)}\r\n\r\n"
    )
    connection = socket.create_connection((HOST, site.port), timeout=10)
    connection.sendall(head.encode() + body)
    return connection


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("when", ["before the first token", "in the middle"])
def test_the_client_s_disconnect_stops_the_upstream(served: SiteProcess, stream: bool, when: str) -> None:
    upstream: ScriptedUpstream = served.upstream  # type: ignore[attr-defined]
    script = Script(first_delay=30) if when.startswith("before") else Script(count=2000, rate=50)
    upstream.script(script)
    seen = len(upstream.seen)
    ask = {"model": "scripted", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    with connect(served, json.dumps(ask).encode()) as connection:
        upstream.wait_requests(seen + 1)
        if stream and not when.startswith("before"):
            read = b""
            while b"token3 " not in read:
                read += connection.recv(65536)
        left = time.monotonic()
    closed = upstream.wait_closed(-1, 2)
    assert closed.closed_by == "client"
    assert closed.closed_at is not None
    assert closed.closed_at - left < DEADLINE


def test_a_body_of_50_mb_is_refused(served: SiteProcess) -> None:
    upstream: ScriptedUpstream = served.upstream  # type: ignore[attr-defined]
    seen = len(upstream.seen)
    size = 50 * 1024 * 1024
    with connect(served, b"x" * size) as connection:
        answer = connection.recv(65536)
        while b"}}" not in answer:
            answer += connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"request_too_large" in answer
    assert len(upstream.seen) == seen
