from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from chat.testing.scripted_upstream import ScriptedUpstream
from tests import postgresql
from tests.insite import InSite, running_site
from tests.servers import fresh_database


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


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A PostgreSQL server for the processes of the whole run."""
    with postgresql.server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database for a site in a process of its own; empty = a SQLite file in the site's folder."""
    if request.param == "sqlite":
        yield ""
        return
    with fresh_database(request.getfixturevalue("postgresql_url")) as url:
        yield url
