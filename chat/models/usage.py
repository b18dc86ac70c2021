from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .access import AppendOnlyError, AppendOnlyQuerySet
from .generation import Generation
from .status import Status


class UsageRecord(models.Model):
    """What one attempt took: each request to a provider leaves one row. Rows are only ever added.

    It names owner and generation by value: what was spent stays spent when both are gone. Of a person it
    holds nothing but the key.
    """

    generation_id = models.BigIntegerField(_("generation"), db_index=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    session_key = models.CharField(_("guest session"), max_length=40, blank=True, default="")
    door = models.CharField(_("door"), max_length=10, choices=Generation.Door)
    provider = models.CharField(_("provider"), max_length=100)
    model = models.CharField(_("model"), max_length=200)
    #: 1 for the first one of its generation.
    attempt = models.PositiveSmallIntegerField(_("attempt"))
    status = models.CharField(_("status"), max_length=12, choices=Status)
    error_code = models.CharField(_("error"), max_length=32, blank=True, default="")
    #: Cached ones are part of the prompt's, those of reasoning part of the completion's.
    prompt_tokens = models.PositiveBigIntegerField(_("prompt tokens"), default=0)
    cached_tokens = models.PositiveBigIntegerField(_("cached tokens"), default=0)
    completion_tokens = models.PositiveBigIntegerField(_("completion tokens"), default=0)
    reasoning_tokens = models.PositiveBigIntegerField(_("reasoning tokens"), default=0)
    #: The provider sent no figures.
    estimated = models.BooleanField(_("tokens are estimated"), default=False)
    #: Null where no price is known.
    cost = models.DecimalField(_("cost"), max_digits=18, decimal_places=9, null=True, blank=True)
    #: At that time: {"prompt": "0.25", "completion": "2", …} per million tokens, and where it came from.
    price = models.JSONField(_("price"), default=dict, blank=True)
    #: Milliseconds, from the request on.
    first_token_ms = models.PositiveBigIntegerField(_("first token"), null=True, blank=True)
    total_ms = models.PositiveBigIntegerField(_("in all"), null=True, blank=True)
    at = models.DateTimeField(_("at"), auto_now_add=True, db_index=True)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        verbose_name = _("usage")
        verbose_name_plural = _("usage")
        ordering = ("-id",)
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=("owner", "at"), name="llmchat_usage_owner"),
            models.Index(fields=("session_key", "at"), name="llmchat_usage_guest"),
            models.Index(fields=("provider", "model", "at"), name="llmchat_usage_model"),
            models.Index(
                fields=("error_code", "-id"), condition=~models.Q(error_code=""), name="llmchat_usage_error"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.generation_id}.{self.attempt} {self.provider}/{self.model}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError("Rows of this table are only ever added.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("Rows of this table are only ever added.")
