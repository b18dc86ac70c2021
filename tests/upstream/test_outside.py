"""Addresses of strangers lead outside or nowhere."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream
from chat.upstream.outside import Outside, OutsideError, is_public, look_up, parse

INSIDE = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *(
        "169.254.169.254",
        "100.64.0.1",
        "100.127.255.255",
        "192.0.0.8",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
    ),
    *(
        "255.255.255.255",
        "192.0.2.1",
        "203.0.113.9",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd12::9",
    ),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1"),
    *("2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::1", "ff02::1", "2001:db8::1", "no address", ""),
]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_on_the_public_internet_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_what_is_public_is_allowed(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "file:///etc/passwd",
            "ftp://example.org/",
            "gopher://example.org/",
            "javascript:alert(1)",
            "data:,x",
        ),
        *("//example.org/", "example.org", "", "http://", "http:///path", "https://user@example.org/"),
        *(
            "https://user:secret@example.org/",
            "http://example.org:0/",
            "http://example.org:99999/",
            "http://[::1",
        ),
        *("http://exa mple.org/", "http://example.org/\r\nX: y", "http://1.1.1.1\\@10.0.0.1/"),
        "http://example.org/" + "x" * 2048,
    ],
)
def test_an_address_of_another_kind_is_refused_unseen(url: str) -> None:
    with pytest.raises(OutsideError, match="forbidden"):
        parse(url)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "2130706433", "0x7f000001", "0x7f.1", "127.1", "017700000001", "0"),
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fe80::1%25lo]", "LOCALHOST", "localhost."),
        *("169.254.169.254", "192.168.0.1", "\uff11\uff12\uff17.0.0.1"),
    ],
)
async def test_no_spelling_leads_inside(host: str, upstream: ScriptedUpstream) -> None:
    port = upstream.base_url.rsplit(":", 1)[1]
    with pytest.raises(OutsideError) as refused:
        await Outside(seconds=3).fetch(f"http://{host}:{port}")
    assert refused.value.code in ("forbidden", "unreachable")
    assert upstream.seen == []


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as server:
        yield server


def leading_to(*addresses: str) -> tuple[Outside, list[str]]:
    """One to whom this machine is outside, with a name server that gives these addresses in turn."""
    asked: list[str] = []

    async def answer(host: str, port: int) -> list[str]:
        asked.append(host)
        return [addresses[min(len(asked), len(addresses)) - 1]]

    fetcher = Outside(
        seconds=3,
        max_bytes=1000,
        look_up=answer,
        allows=lambda address: address in ("127.0.0.1", "127.0.0.3"),
    )
    return fetcher, asked


def url(upstream: ScriptedUpstream, host: str = "rebinding.example") -> str:
    return f"http://{host}:{upstream.base_url.split(':')[2].split('/')[0]}/page"


async def test_what_is_outside_is_fetched_under_its_name(upstream: ScriptedUpstream) -> None:
    upstream.default = Script(body="hello", content_type="text/plain", framing="close")
    fetcher, asked = leading_to("127.0.0.1")
    fetched = await fetcher.fetch(url(upstream))
    assert (fetched.status, fetched.content_type, fetched.body) == (200, "text/plain", b"hello")
    assert asked == ["rebinding.example"]
    assert upstream.seen[0].headers["host"].startswith("rebinding.example:")
    assert "cookie" not in upstream.seen[0].headers


async def test_the_name_is_resolved_once_and_the_address_pinned(upstream: ScriptedUpstream) -> None:
    """The second answer of the name server would lead inside; nobody asks for it."""
    upstream.default = Script(body="hello", framing="close")
    fetcher, asked = leading_to("127.0.0.1", "10.0.0.1")
    await fetcher.fetch(url(upstream))
    assert len(asked) == 1
    with pytest.raises(OutsideError, match="forbidden"):
        await fetcher.fetch(url(upstream))


async def test_a_name_that_leads_to_both_sides_is_refused(upstream: ScriptedUpstream) -> None:
    async def both(host: str, port: int) -> list[str]:
        return ["127.0.0.1", "10.0.0.1"]

    fetcher = Outside(look_up=both, allows=lambda address: address == "127.0.0.1")
    with pytest.raises(OutsideError, match="forbidden"):
        await fetcher.fetch(url(upstream))
    assert upstream.seen == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(upstream: ScriptedUpstream, status: int) -> None:
    upstream.default = Script(
        status=status, headers={"Location": upstream.base_url + "/inside"}, body="", framing="close"
    )
    fetcher, asked = leading_to("127.0.0.1")
    with pytest.raises(OutsideError, match="redirect"):
        await fetcher.fetch(url(upstream))
    assert (len(upstream.seen), len(asked)) == (1, 1)


async def test_size_and_time_are_not_the_strangers_to_choose(upstream: ScriptedUpstream) -> None:
    upstream.default = Script(count=10_000)
    fetcher, _ = leading_to("127.0.0.1")
    with pytest.raises(OutsideError, match="too_large"):
        await fetcher.fetch(url(upstream))
    upstream.default = Script(fault="hang", fault_at=-1)
    slow = Outside(seconds=0.2, allows=lambda address: True)
    with pytest.raises(OutsideError, match="timeout"):
        await slow.fetch(url(upstream, "127.0.0.1"))


async def test_nobody_there_is_said_so() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(OutsideError, match="unreachable"):
        await Outside(allows=lambda address: True).fetch(f"http://127.0.0.1:{port}/")


async def test_the_systems_own_names_are_looked_up_as_the_system_does() -> None:
    assert "127.0.0.1" in await look_up("localhost", 80) or "::1" in await look_up("localhost", 80)
