from __future__ import annotations

import pytest

from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream
from tests.insite import InSite

pytestmark = pytest.mark.django_db(transaction=True)


async def test_the_time_of_thinking_is_told_from_the_time_of_writing(
    site: InSite, upstream: ScriptedUpstream
) -> None:
    upstream.script(Script(reasoning=["I ", "think."], tokens=["So ", "it is."], pauses={0: 0.4, 1: 0.3}))
    client = await site.client(await site.user())
    accepted = await client.send("Why?")
    timings = (await client.ended(accepted["generation"]))["timings"]
    assert 400 <= timings["reasoning"] < timings["total"] - 250


async def test_where_nothing_is_thought_nothing_is_told_of_it(
    site: InSite, upstream: ScriptedUpstream
) -> None:
    client = await site.client(await site.user())
    accepted = await client.send("Why?")
    assert "reasoning" not in (await client.ended(accepted["generation"]))["timings"]
