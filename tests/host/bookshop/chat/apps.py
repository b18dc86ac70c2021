from __future__ import annotations

from django.apps import AppConfig


class ChatConfig(AppConfig):
    """Evenings on which readers chat with an author; older than the shop's help desk."""

    name = "chat"

    def ready(self) -> None:
        from chat import receivers  # noqa: F401 -- importing registers the receiver
