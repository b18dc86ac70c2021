"""Waiting in line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .admission import Ticket


async def wait_turn(ticket: Ticket, tell: Callable[[int], None]) -> None:
    """Returns when the ticket is admitted; `tell` hears the position, at most once a second."""
    if ticket.admitted.is_set():
        return
    moved = asyncio.Event()
    ticket.moved = moved.set
    moved.set()
    turn = asyncio.ensure_future(ticket.admitted.wait())
    try:
        while not turn.done():
            if moved.is_set():
                moved.clear()
                tell(ticket.position)
                await asyncio.wait({turn}, timeout=1)
            else:
                waiting = asyncio.ensure_future(moved.wait())
                try:
                    await asyncio.wait({turn, waiting}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    waiting.cancel()
    finally:
        turn.cancel()
        ticket.moved = None
