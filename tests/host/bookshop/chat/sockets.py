from __future__ import annotations

from channels.generic.websocket import AsyncWebsocketConsumer


class BellConsumer(AsyncWebsocketConsumer):
    """The bell at the shop's counter."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data="Coming!")
