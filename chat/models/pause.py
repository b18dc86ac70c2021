from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Pause(models.Model):
    """A model, or with an empty name the whole site, that takes no questions until the row is gone.

    Each process reads these rows with every beat. The name is a model's as answers carry it, or
    `provider/model`, or a provider's with a `/` behind it for all that it serves.
    """

    model = models.CharField(_("model"), max_length=200, unique=True, blank=True, default="")
    why = models.CharField(_("why"), max_length=200, blank=True, default="")
    #: Who did it, by name: the row outlives the account.
    by = models.CharField(_("by"), max_length=254, blank=True, default="")
    since = models.DateTimeField(_("since"), auto_now_add=True)

    class Meta:
        verbose_name = _("pause")
        verbose_name_plural = _("pauses")
        ordering = ("model",)
        default_permissions = ("change",)

    def __str__(self) -> str:
        return self.model or "*"
