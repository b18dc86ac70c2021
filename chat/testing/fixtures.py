"""Fixtures for pytest: `pytest_plugins = ["llmchat.testing.fixtures"]`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import SyncToAsync
from django.db import connections

from .scripted_upstream import ScriptedUpstream


@pytest.fixture
def scripted_upstream() -> Iterator[ScriptedUpstream]:
    """A provider of its own for the test; give `scripted_upstream.base_url` to the settings."""
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
def llmchat_upstream(
    transactional_db: None, settings: Any, scripted_upstream: ScriptedUpstream
) -> Iterator[ScriptedUpstream]:
    """The scripted upstream as the only provider; needs pytest-django and a database that threads share.

    What the test began through the Python door ends with it, before the database is emptied.
    """
    provider = {"BASE_URL": scripted_upstream.base_url}
    settings.LLMCHAT = {**settings.LLMCHAT, "PROVIDERS": {"default": provider}, "MODEL": "scripted"}
    yield scripted_upstream
    # Plugins are imported before the apps are loaded, and this one imports models.
    from ..engine.running import runners

    for runner in runners():
        if runner.loop.is_running():
            asyncio.run_coroutine_threadsafe(runner.close(), runner.loop).result(10)
            runner.loop.call_soon_threadsafe(runner.loop.stop)
    # The one thread that the sync code of all async tests shares keeps its connection: a database with a
    # pool could not be dropped in the end.
    SyncToAsync.single_thread_executor.submit(connections.close_all).result(10)
