"""Addresses that come from a row, a user or a tool: fetched where anybody could fetch them, never inside.

The operator's own addresses, those of the settings, are trusted and do not pass through here. What this
refuses: other schemes than http and https, credentials in the address, every name that leads, also, to a
machine that is not on the public internet, and redirects. The name is resolved once, and the connection goes
to what was found then, so that a second answer of the name server changes nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import SplitResult, urlsplit

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

Lookup = Callable[[str, int], Awaitable[list[str]]]
#: IPv6 addresses that carry an IPv4 address to a translator: https://www.rfc-editor.org/rfc/rfc6052.
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
#: Special ones that not every Python knows of.
_SPECIAL = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48")))
_MAX_URL = 2048


class OutsideError(Exception):
    """Raised when an address is not fetched. `code`: forbidden, redirect, too_large, timeout, unreachable."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Fetched(msgspec.Struct, frozen=True):
    """What was there."""

    status: int
    content_type: str
    body: bytes


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, with every IPv4 address that it carries inside."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if parsed in _TRANSLATED:
        return is_public(str(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)))
    if not parsed.is_global or parsed.is_multicast or parsed.is_reserved:
        return False
    if any(parsed in network for network in _SPECIAL):
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return True
    inner = (parsed.ipv4_mapped, parsed.sixtofour, *(parsed.teredo or ()))
    return all(is_public(str(carried)) for carried in inner if carried is not None)


def parse(url: str) -> SplitResult:
    """The parts of an address that may be fetched, as far as its text tells. Raises `OutsideError`."""
    if len(url) > _MAX_URL or any(ord(letter) <= 32 or letter == "\\" for letter in url):
        raise OutsideError("forbidden")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise OutsideError("forbidden") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise OutsideError("forbidden")
    if parts.username is not None or parts.password is not None:
        raise OutsideError("forbidden")
    return parts


async def look_up(host: str, port: int) -> list[str]:
    """All addresses of a name, as the system resolves it. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class Outside:
    """Fetches from the public internet. `look_up` and `allows` are for tests."""

    def __init__(
        self,
        *,
        max_bytes: int = 1 << 20,
        seconds: float = 10.0,
        look_up: Lookup = look_up,
        allows: Callable[[str], bool] = is_public,
    ) -> None:
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._look_up = look_up
        self._allows = allows

    async def fetch(self, url: str, headers: dict[str, str] | None = None) -> Fetched:
        """What a GET of `url` gives, of any status but a redirect. Raises `OutsideError`."""
        parts = parse(url)
        assert parts.hostname is not None
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        try:
            async with asyncio.timeout(self._seconds):
                addresses = await self._resolve(parts.hostname, port)
                return await self._get(url, parts.hostname, addresses, headers or {})
        except TimeoutError:
            raise OutsideError("timeout") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise OutsideError("unreachable") from None

    async def _resolve(self, host: str, port: int) -> list[str]:
        try:
            addresses = [str(ipaddress.ip_address(host.partition("%")[0]))]
        except ValueError:
            addresses = await self._look_up(host, port)
        if not addresses or not all(map(self._allows, addresses)):
            # One that leads to both sides is meant to.
            raise OutsideError("forbidden")
        return addresses

    async def _get(self, url: str, host: str, addresses: list[str], headers: dict[str, str]) -> Fetched:
        connector = aiohttp.TCPConnector(
            resolver=_Pinned(host, addresses), use_dns_cache=False, force_close=True
        )
        async with (
            aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            ) as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            if 300 <= response.status < 400:
                raise OutsideError("redirect")
            body = b""
            async for piece in response.content.iter_chunked(1 << 16):
                body += piece
                if len(body) > self._max_bytes:
                    raise OutsideError("too_large")
            return Fetched(response.status, response.content_type, body)


class _Pinned(AbstractResolver):
    """Knows one name, and the addresses that were found to be fit."""

    def __init__(self, host: str, addresses: list[str]) -> None:
        self._host = host
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host != self._host:
            raise OSError("another name than the one that was looked up")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """There is nothing to close."""
