from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    """The life of an answer; the last four are ends, and final."""

    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    COMPLETE = "complete", _("complete")
    STOPPED = "stopped", _("stopped")
    INTERRUPTED = "interrupted", _("interrupted")
    ERROR = "error", _("error")


LIVE = (Status.QUEUED, Status.RUNNING)
CONTINUABLE = (Status.STOPPED, Status.INTERRUPTED)


class Role(models.TextChoices):
    """Who speaks."""

    SYSTEM = "system", _("system")
    USER = "user", _("user")
    ASSISTANT = "assistant", _("assistant")
    TOOL = "tool", _("tool")
