from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class LlmchatConfig(AppConfig):
    """The app, under whatever dotted path it was installed (`llmchat` from the wheel)."""

    name = __package__
    label = "llmchat"
    verbose_name = _("Chat")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, deletion  # noqa: F401 - importing registers checks and receivers
        from .search import schema

        post_migrate.connect(schema.install, sender=self, dispatch_uid="llmchat.search")
