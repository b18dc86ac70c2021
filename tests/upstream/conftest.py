from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chat.upstream.client import Clients


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    clients = Clients()
    yield clients
    await clients.aclose()
