"""`healthz`: for load balancers, and with `?deep=1` for people."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.insite import InSite


async def get(site: InSite, query: str = "") -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{site.origin}/healthz{query}") as response:
        return response.status, await response.json()


async def test_a_process_that_serves_is_healthy_and_one_that_drains_is_not(site: InSite) -> None:
    assert await get(site) == (200, {"status": "ok"})
    site.runner.farewell(1012)
    assert await get(site) == (503, {"status": "draining"})


async def test_deep_asks_database_and_upstream_and_shows_counters(site: InSite) -> None:
    status, report = await get(site, "?deep=1")
    assert status == 200
    assert report["database"] is True
    assert report["upstream"] == {"default": True}
    assert report["checksum_mismatch"] == 0


@pytest.mark.chat(PROVIDERS={"gone": {"BASE_URL": "http://127.0.0.1:9/v1"}})
async def test_an_upstream_that_is_away_is_told_but_this_process_still_serves(site: InSite) -> None:
    status, report = await get(site, "?deep=1")
    assert (status, report["upstream"]) == (200, {"gone": False})
