from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def _no_attempts_yet() -> Iterator[None]:
    """Sign-in attempts are counted in the cache, which outlives a test."""
    cache.clear()
    yield
    cache.clear()
