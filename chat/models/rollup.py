from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class UsageSum(models.Model):
    """What a day, or a month of one owner, came to: sums of the ledger that a chart can read at once.

    Days are those of the site's time zone. A day is summed once, when it is over; see `usage/rollup.py`.
    """

    class Scope(models.TextChoices):
        """What a row sums up."""

        MODEL = "model", _("a day of one model")
        OWNER = "owner", _("a day of one user")
        MONTH = "month", _("a month of one user")

    scope = models.CharField(max_length=5, choices=Scope)
    start = models.DateField(_("day"))
    #: Null for guests, and in rows of a model.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    provider = models.CharField(_("provider"), max_length=100, blank=True, default="")
    model = models.CharField(_("model"), max_length=200, blank=True, default="")
    answers = models.PositiveBigIntegerField(_("answers"), default=0)
    #: Requests to providers: an answer takes one, or more where the first one failed.
    attempts = models.PositiveBigIntegerField(_("attempts"), default=0)
    failed = models.PositiveBigIntegerField(_("failed"), default=0)
    prompt_tokens = models.PositiveBigIntegerField(_("prompt tokens"), default=0)
    cached_tokens = models.PositiveBigIntegerField(_("cached tokens"), default=0)
    completion_tokens = models.PositiveBigIntegerField(_("completion tokens"), default=0)
    reasoning_tokens = models.PositiveBigIntegerField(_("reasoning tokens"), default=0)
    cost = models.DecimalField(_("cost"), max_digits=18, decimal_places=9, default=0)
    #: Attempts of which no price is known, and those whose tokens were guessed.
    unpriced = models.PositiveBigIntegerField(default=0)
    estimated = models.PositiveBigIntegerField(default=0)
    #: How many took so long to the first token (ms), wrote so fast (tokens/s), ended in that code.
    first_tokens = models.JSONField(default=dict, blank=True)
    rates = models.JSONField(default=dict, blank=True)
    errors = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("usage of a day")
        verbose_name_plural = _("usage by day")
        default_permissions = ()
        indexes = [
            models.Index(fields=("scope", "start", "owner"), name="llmchat_sum_start"),
            models.Index(fields=("owner", "scope", "start"), name="llmchat_sum_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.start}"


class SummedDay(models.Model):
    """That a day of the ledger has been summed: whoever adds the row does it, and nobody else."""

    day = models.DateField(primary_key=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.day.isoformat()
