from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from chat.testing.scripted_upstream import ScriptedUpstream
from tests.insite import InSite, running_site


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest_asyncio.fixture
async def site(
    request: pytest.FixtureRequest, transactional_db: None, upstream: ScriptedUpstream
) -> AsyncIterator[InSite]:
    """The site; `@pytest.mark.chat(KEY=value)` changes its settings."""
    marker = request.node.get_closest_marker("chat")
    async with running_site(upstream, **(marker.kwargs if marker else {})) as site:
        yield site
