from __future__ import annotations

import asyncio
import os
import socket
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chat.upstream.transport import RESPONSE, Transport, disconnect


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    both = folder / "server.pem"
    both.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


class DeafProvider:
    """Takes one request over TLS, begins to answer or not, and then only waits for TCP to end."""

    def __init__(self, folder: Path, answer: bytes) -> None:
        self.gone = asyncio.Event()
        self.asked = asyncio.Event()
        self._context = self_signed(folder)
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._loop = asyncio.get_running_loop()
        self.url = f"https://127.0.0.1:{self._listening.getsockname()[1]}/"

    async def __aenter__(self) -> Self:
        self._serving = asyncio.create_task(asyncio.to_thread(self._serve))
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._serving
        self._listening.close()

    def _serve(self) -> None:
        with self._context.wrap_socket(self._listening.accept()[0], server_side=True) as connection:
            connection.recv(65536)
            connection.sendall(self._answer)
            self._loop.call_soon_threadsafe(self.asked.set)
            with socket.socket(fileno=os.dup(connection.fileno())) as raw, suppress(ConnectionError):
                raw.settimeout(5)
                while raw.recv(65536):
                    pass
        self._loop.call_soon_threadsafe(self.gone.set)


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the transport connect to a provider with a certificate of its own making."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", context)


async def test_a_disconnect_does_not_wait_for_the_farewell_of_tls(tmp_path: Path, trusting: None) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n"
    transport = Transport()
    async with DeafProvider(tmp_path, answer) as provider:
        answered = await transport.handle_async_request(httpx2.Request("POST", provider.url, content=b"{}"))
        response = answered.extensions[RESPONSE]
        assert await response.content.readany()
        disconnect(response)
        await asyncio.wait_for(provider.gone.wait(), 0.5)
        disconnect(response)
    await transport.aclose()


async def test_a_cancelled_request_does_not_wait_for_it_either(tmp_path: Path, trusting: None) -> None:
    transport = Transport()
    async with DeafProvider(tmp_path, b"") as provider:
        request = httpx2.Request("POST", provider.url, content=b"{}")
        asking = asyncio.create_task(transport.handle_async_request(request))
        await provider.asked.wait()
        asking.cancel()
        await asyncio.wait_for(provider.gone.wait(), 0.5)
        with pytest.raises(asyncio.CancelledError):
            await asking
    await transport.aclose()
