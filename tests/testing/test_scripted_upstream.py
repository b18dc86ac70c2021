"""The scripted upstream as any HTTP client sees it."""

from __future__ import annotations

import gc
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from chat.testing.recordings import recordings
from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream

CHAT = "/chat/completions"


@pytest.fixture
def upstream(scripted_upstream: ScriptedUpstream) -> ScriptedUpstream:
    return scripted_upstream


def post(base_url: str, body: dict[str, Any], path: str = CHAT) -> bytes:
    request = urllib.request.Request(
        base_url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return bytes(response.read())


def events(body: bytes) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in body.decode().split("\n\n") if line]
    return [json.loads(line) if line != "[DONE]" else line for line in lines]


def text_of(body: bytes) -> str:
    return "".join(
        choice["delta"].get("content") or ""
        for event in events(body)
        if isinstance(event, dict)
        for choice in event["choices"]
    )


def dialled(upstream: ScriptedUpstream, body: str = "{}") -> socket.socket:
    """A bare connection on which a request has been sent."""
    host, port = upstream.base_url.split("/")[2].split(":")
    connection = socket.create_connection((host, int(port)), timeout=5)
    head = f"POST /v1{CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall((head + body).encode())
    return connection


def received(connection: socket.socket) -> Iterator[bytes]:
    while data := connection.recv(65536):
        yield data


def test_the_default_answer_is_a_whole_completion(upstream: ScriptedUpstream) -> None:
    body = post(upstream.base_url, {"model": "m", "messages": []})
    *chunks, usage, done = events(body)
    assert text_of(body) == Script().text == "".join(f"token{n} " for n in range(20))
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert {event["model"] for event in (*chunks, usage)} == {"m"}
    assert usage["usage"]["completion_tokens"] == 20
    assert done == "[DONE]"


def test_the_models_are_listed(upstream: ScriptedUpstream) -> None:
    with urllib.request.urlopen(f"{upstream.base_url}/models", timeout=5) as response:
        assert [model["id"] for model in json.load(response)["data"]] == ["scripted"]


def test_queued_scripts_are_played_once_each_and_then_the_default(upstream: ScriptedUpstream) -> None:
    upstream.default = Script(tokens=["default"])
    upstream.script(Script(tokens=["one"]), Script(tokens=["two"]))
    texts = [text_of(post(upstream.base_url, {})) for _ in range(4)]
    assert texts == ["one", "two", "default", "default"]


@pytest.mark.parametrize("carrier", ["model", "message"])
def test_a_request_may_carry_its_script(carrier: str, upstream: ScriptedUpstream) -> None:
    upstream.script(Script(tokens=["queued"]))
    script = '{"count": 2, "pattern": "{n};", "pauses": {"1": 0}}'
    messages = [
        {"role": "user", "content": '{"tokens": ["earlier"]}'},
        {"role": "assistant", "content": "earlier"},
        {"role": "user", "content": script if carrier == "message" else "Hi"},
    ]
    model = script if carrier == "model" else "m"
    assert text_of(post(upstream.base_url, {"model": model, "messages": messages})) == "0;1;"


@pytest.mark.parametrize("content", ["{oops", '{"no_such_field": 1}', "[]", None, [{"type": "text"}], 7])
def test_a_message_that_is_no_script_is_just_a_message(content: Any, upstream: ScriptedUpstream) -> None:
    upstream.default = Script(tokens=["default"])
    body = post(upstream.base_url, {"messages": [{"role": "user", "content": content}]})
    assert text_of(body) == "default"


def test_what_was_asked_is_seen(upstream: ScriptedUpstream) -> None:
    before = time.monotonic()
    post(upstream.base_url, {"model": "m", "messages": [{"role": "user", "content": "Grüße"}]})
    (seen,) = upstream.wait_requests(1)
    upstream.wait_closed(0)
    assert seen.body["messages"][0]["content"] == "Grüße"
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["content-type"] == "application/json"
    assert seen.closed_at is not None
    assert before < seen.at < seen.closed_at < time.monotonic()
    assert (seen.closed_by, seen.live) == ("server", False)
    assert seen.bytes_sent > 2000


def test_tokens_come_at_their_rate(upstream: ScriptedUpstream) -> None:
    upstream.script(Script(count=20, rate=100, first_delay=0.1, pauses={10: 0.2}))
    started = time.monotonic()
    post(upstream.base_url, {})
    assert 0.5 <= time.monotonic() - started < 1.5


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_the_ends_of_lines_can_be_chosen(
    newline: Literal["\n", "\r\n", "\r"], upstream: ScriptedUpstream
) -> None:
    upstream.script(Script(tokens=["a"], newline=newline))
    body = post(upstream.base_url, {})
    assert body.endswith(b"data: [DONE]" + newline.encode() * 2)
    assert body.count(newline.encode() * 2) == 5


def test_a_body_is_sent_byte_for_byte_however_it_is_split(upstream: ScriptedUpstream) -> None:
    for recording in recordings():
        for split in (0, 1):
            upstream.script(Script(body=recording.body.decode(), split=split))
            assert post(upstream.base_url, {}) == recording.body


def test_bytes_that_are_no_text_can_be_sent(upstream: ScriptedUpstream) -> None:
    upstream.script(Script(body=b"\xff\x00\xfe".decode("utf-8", "surrogateescape")))
    assert post(upstream.base_url, {}) == b"\xff\x00\xfe"


def test_reasoning_usage_and_ends_are_as_scripted(upstream: ScriptedUpstream) -> None:
    upstream.script(
        Script(
            tokens=["a", "b"],
            reasoning=["h", "m"],
            reasoning_field="reasoning",
            finish_reason="length",
            finish_with_content=True,
            usage={"prompt_tokens": 1},
            done=False,
            insert={1: ": comment\n\n"},
        )
    )
    body = post(upstream.base_url, {})
    assert b": comment\n\n" in body
    chunks = events(body.replace(b": comment\n\n", b""))
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("reasoning", "") for delta in deltas) == "hm"
    assert chunks[-2]["choices"] == [{"index": 0, "delta": {"content": "b"}, "finish_reason": "length"}]
    assert chunks[-1]["usage"] == {"prompt_tokens": 1}


def test_nothing_is_said_of_what_is_left_out(upstream: ScriptedUpstream) -> None:
    upstream.script(Script(tokens=["a"], finish_reason=None, usage={}, done=False))
    body = post(upstream.base_url, {})
    assert len(events(body)) == 2
    assert text_of(body) == "a"


def test_a_refusal_has_its_status_headers_and_body(upstream: ScriptedUpstream) -> None:
    upstream.script(Script(status=429, headers={"Retry-After": "7"}, body='{"error": 1}'))
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(upstream.base_url, {})
    with caught.value as answer:
        assert (answer.code, answer.headers["Retry-After"], answer.read()) == (429, "7", b'{"error": 1}')


def test_a_reset_is_a_reset(upstream: ScriptedUpstream) -> None:
    upstream.script(Script(fault="reset", fault_at=2, pauses={2: 0.1}))
    with dialled(upstream) as connection, pytest.raises(ConnectionResetError):
        for _ in received(connection):
            pass
    assert upstream.wait_closed().closed_by == "server"


def test_a_close_is_the_end_of_the_connection(upstream: ScriptedUpstream) -> None:
    upstream.script(Script(fault="close", fault_at=2))
    with dialled(upstream) as connection:
        body = b"".join(received(connection))
    assert b"token1" in body
    assert not body.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("place", [-1, 0, 2])
def test_a_hang_lasts_until_the_client_goes(place: int, upstream: ScriptedUpstream) -> None:
    upstream.script(Script(fault="hang", fault_at=place))
    with dialled(upstream):
        assert upstream.wait_requests(1)[0].live
        assert (upstream.live, upstream.connections) == (1, 1)
        with pytest.raises(TimeoutError):
            upstream.wait_closed(timeout=0.1)
        gone = time.monotonic()
    seen = upstream.wait_closed(timeout=2)
    assert seen.closed_by == "client"
    assert seen.closed_at is not None
    assert 0 <= seen.closed_at - gone < 0.5
    upstream.wait_idle()
    assert upstream.connections == 0


def test_comments_go_on_without_end(upstream: ScriptedUpstream) -> None:
    upstream.script(Script(fault="comments"))
    heard = b""
    with dialled(upstream) as connection:
        for data in received(connection):
            heard += data
            if heard.count(b": keep-alive") > 3:
                break
    assert upstream.wait_closed().closed_by == "client"


def test_an_oversized_line_is_held_back_by_a_client_that_does_not_read(upstream: ScriptedUpstream) -> None:
    upstream.script(Script(fault="oversized", size=500_000_000))
    with dialled(upstream) as connection:
        connection.recv(10)
        time.sleep(0.2)
        assert upstream.seen[0].bytes_sent < 100_000_000
    assert upstream.wait_closed().closed_by == "client"


def test_a_client_that_speaks_tls_is_turned_away(upstream: ScriptedUpstream) -> None:
    host, port = upstream.base_url.split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert connection.recv(1) == b""


def test_forgetting_begins_anew(upstream: ScriptedUpstream) -> None:
    post(upstream.base_url, {})
    upstream.script(Script(tokens=["queued"]))
    upstream.forget()
    assert text_of(post(upstream.base_url, {})) == Script().text
    assert len(upstream.seen) == 1


def test_stopping_closes_what_is_open() -> None:
    with ScriptedUpstream(default=Script(fault="hang", fault_at=-1)) as upstream:
        connection = dialled(upstream)
        upstream.wait_requests(1)
    with connection:
        assert connection.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        dialled(upstream)


def test_who_comes_while_it_stops_is_not_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", left.append)
    for _ in range(30):
        with ScriptedUpstream() as upstream:
            address = ("127.0.0.1", int(upstream.base_url.split(":")[2].split("/")[0]))
            clients = [socket.create_connection(address) for _ in range(10)]
        for client in clients:
            client.close()
    gc.collect()
    assert not left


def test_a_port_that_is_taken_is_an_error(upstream: ScriptedUpstream) -> None:
    port = int(upstream.base_url.split(":")[2].split("/")[0])
    with pytest.raises(OSError, match="in use"):
        ScriptedUpstream(port=port).start()


def test_it_serves_other_processes_and_tells_them_what_it_saw() -> None:
    command = [sys.executable, "-m", "chat.testing.scripted_upstream", "--default", '{"tokens": ["default"]}']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            base_url = process.stdout.readline().strip()
            root = base_url.removesuffix("/v1")
            post(root, [{"tokens": ["queued"]}], "/_script")  # type: ignore[arg-type]  # a list is what it takes
            texts = [text_of(post(base_url, {"model": "m"})) for _ in range(2)]
            with urllib.request.urlopen(f"{root}/_seen", timeout=5) as response:
                seen = json.load(response)
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    assert texts == ["queued", "default"]
    assert [request["body"] for request in seen["requests"]] == [{"model": "m"}, {"model": "m"}]
    assert seen["live"] == 0
    assert seen["requests"][0]["closed_by"] == "server"


def test_it_can_come_back_on_the_same_port(upstream: ScriptedUpstream) -> None:
    base_url = upstream.base_url
    upstream.stop()
    upstream.start()
    assert upstream.base_url == base_url
    assert text_of(post(base_url, {})) == Script().text
