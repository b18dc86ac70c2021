"""Fixtures for pytest: `pytest_plugins = ["llmchat.testing.fixtures"]`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .scripted_upstream import ScriptedUpstream


@pytest.fixture
def scripted_upstream() -> Iterator[ScriptedUpstream]:
    """A provider of its own for the test; give `scripted_upstream.base_url` to the settings."""
    with ScriptedUpstream() as upstream:
        yield upstream
