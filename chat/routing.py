"""Where the socket lives: under the same prefix as the pages, wherever a host has mounted them."""

from __future__ import annotations

from typing import Any

from channels.routing import URLRouter
from django.urls import path, reverse

from .consumers import ChatConsumer


def socket_path() -> str:
    """The path of the WebSocket: the mount's own, with `ws/` behind it."""
    return reverse("llmchat:index") + "ws/"


def socket_router() -> URLRouter:
    """A router for the WebSocket, for hosts that compose their own."""
    # Django's `path` is typed for views; Channels documents it for ASGI applications.
    consumer: Any = ChatConsumer.as_asgi()
    routes: list[Any] = [path(socket_path().lstrip("/"), consumer)]
    return URLRouter(routes)
