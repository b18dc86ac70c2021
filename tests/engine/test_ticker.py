from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
import uvloop

from chat.engine.ticker import Ticker

INTERVAL = 0.01


class Slow:
    """Needs longer than a tick may take, for the first few times."""

    def __init__(self, ticker: Ticker) -> None:
        self.count = self.listened = 0
        self.enough = asyncio.Event()
        ticker.add(self)

    def listen(self) -> None:
        self.listened += 1

    def tick(self, now: float) -> None:
        self.count += 1
        assert self.listened == self.count
        if self.count <= 3:
            time.sleep(3 * INTERVAL)
        if self.count == 6:
            self.enough.set()


@pytest.mark.parametrize(
    "new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def test_a_tick_that_comes_too_late_is_not_the_last_one(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def main() -> None:
        ticker = Ticker(INTERVAL)
        async with asyncio.timeout(5):
            await Slow(ticker).enough.wait()
        ticker.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
