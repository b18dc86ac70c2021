"""What providers list, in the shapes in which they do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chat.upstream.discovery import MAX_LISTED, Listed, parse
from chat.upstream.errors import UpstreamError


@pytest.mark.parametrize(
    ("told", "listed"),
    [
        ({"object": "list", "data": [{"id": "a", "object": "model"}]}, [Listed("a")]),
        ({"data": [{"id": "a", "context_length": 8192}]}, [Listed("a", 8192)]),
        ({"data": [{"id": "a", "max_model_len": 4096}]}, [Listed("a", 4096)]),
        ({"models": [{"name": "a"}]}, [Listed("a")]),
        ([{"id": "a"}], [Listed("a")]),
        (["a", "b"], [Listed("a"), Listed("b")]),
        ({"data": [{"id": "a"}, {"id": "a"}, {"id": ""}, {"id": 3}, None, {"id": "x" * 201}]}, [Listed("a")]),
        ({"data": [{"id": "a", "context_length": "many"}]}, [Listed("a")]),
        ({"data": [{"id": "a", "context_length": -1}]}, [Listed("a")]),
        ({"data": []}, []),
    ],
)
def test_a_list_is_read_in_each_of_its_shapes(told: Any, listed: list[Listed]) -> None:
    assert parse(json.dumps(told).encode()) == listed


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"null", b'"x"', b'{"data": {}}', b"{}", b"[" * 100_000, b"\xff"]
)
def test_what_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamError, match="upstream_protocol"):
        parse(body)


def test_a_list_is_as_long_as_it_may_be() -> None:
    assert len(parse(json.dumps([f"model {n}" for n in range(MAX_LISTED + 100)]).encode())) == MAX_LISTED


def test_names_can_be_stored() -> None:
    assert parse(b'["a\\u0000b", "\\ud800"]') == [Listed("a\ufffdb"), Listed("\ufffd")]
