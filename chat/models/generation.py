from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .message import Message
from .status import LIVE, Status


class Runner(models.Model):
    """A process that writes answers. It beats; whoever sees the beat stand still may call it dead."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    label = models.CharField(_("process"), max_length=200, blank=True, default="")
    beat = models.PositiveBigIntegerField(_("beat"), default=0)
    dead = models.BooleanField(_("dead"), default=False)
    started = models.DateTimeField(_("started"), auto_now_add=True)
    #: What the process told of itself with its last beat, and when: the console shows it.
    figures = models.JSONField(default=dict, blank=True)
    seen = models.DateTimeField(_("last beat"), null=True, blank=True)

    class Meta:
        verbose_name = _("runner")
        verbose_name_plural = _("runners")

    def __str__(self) -> str:
        return self.label or str(self.id)


class Generation(models.Model):
    """One run of a model. Its id is the number on the wire; its end is written once, for good."""

    class Door(models.TextChoices):
        """Where the answer was asked for; only a browser can abandon one."""

        WEB = "web", _("browser")
        HTTP = "http", _("HTTP")
        API = "api", _("OpenAI's API")
        PYTHON = "python", _("Python")

    id = models.BigAutoField(primary_key=True)
    #: Null for the stateless calls of the HTTP doors.
    message = models.ForeignKey(
        Message,
        verbose_name=_("message"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="generations",
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    session_key = models.CharField(_("guest session"), max_length=40, blank=True, default="")
    door = models.CharField(_("door"), max_length=10, choices=Door, default=Door.WEB)
    model = models.CharField(_("model"), max_length=200, blank=True, default="")
    #: Who was asked first; the ledger has all.
    provider = models.CharField(_("provider"), max_length=100, blank=True, default="")

    #: The command that began it: its id (unique per owner), its type and what it aimed at.
    command_id = models.UUIDField(null=True, blank=True)
    command = models.CharField(max_length=12, blank=True, default="")
    command_target = models.CharField(max_length=36, blank=True, default="")

    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.QUEUED)
    runner = models.ForeignKey(
        Runner,
        verbose_name=_("process"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="generations",
        db_index=False,
    )
    #: Why it shall stop (an `end` reason), set by other processes; empty = it shall not.
    stop_requested = models.CharField(max_length=12, blank=True, default="")
    watched_at = models.DateTimeField(null=True, blank=True)

    last_n = models.BigIntegerField(_("last frame"), default=0)
    #: Of the whole message at the end: UTF-16 units, and the CRC-32 of its UTF-8 bytes.
    text_length = models.BigIntegerField(_("length"), default=0)
    crc32 = models.BigIntegerField(default=0)
    finish_reason = models.CharField(_("finish reason"), max_length=32, blank=True, default="")
    reason = models.CharField(_("reason"), max_length=12, blank=True, default="")
    error_code = models.CharField(_("error"), max_length=32, blank=True, default="")
    reference = models.CharField(_("reference"), max_length=32, blank=True, default="")

    timings = models.JSONField(_("timings"), default=dict, blank=True)
    #: Of all attempts together; until the end, the prompt's are an estimate.
    prompt_tokens = models.PositiveBigIntegerField(_("prompt tokens"), null=True, blank=True)
    completion_tokens = models.PositiveBigIntegerField(_("completion tokens"), null=True, blank=True)
    estimated = models.BooleanField(_("tokens are estimated"), default=False)
    cost = models.DecimalField(_("cost"), max_digits=18, decimal_places=9, null=True, blank=True)
    reserved = models.DecimalField(max_digits=18, decimal_places=9, default=0)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    ended = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("generation")
        verbose_name_plural = _("generations")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("owner", "command_id"),
                condition=models.Q(command_id__isnull=False, owner__isnull=False),
                name="llmchat_generation_command",
            ),
            models.UniqueConstraint(
                fields=("session_key", "command_id"),
                condition=models.Q(command_id__isnull=False, owner__isnull=True) & ~models.Q(session_key=""),
                name="llmchat_generation_guest_command",
            ),
            models.UniqueConstraint(
                fields=("message",), condition=models.Q(status__in=LIVE), name="llmchat_generation_one_live"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=Status.values), name="llmchat_generation_status"
            ),
        ]
        indexes = [
            models.Index(fields=("owner", "created"), name="llmchat_gen_owner_created"),
            models.Index(fields=("session_key", "created"), name="llmchat_gen_guest_created"),
            models.Index(fields=("runner", "status"), name="llmchat_gen_runner_status"),
            # The filters of the admin's list, which is ordered by id.
            models.Index(fields=("created",), name="llmchat_gen_created"),
            models.Index(fields=("status", "-id"), name="llmchat_gen_status"),
            models.Index(fields=("model", "-id"), name="llmchat_gen_model"),
            models.Index(fields=("door", "-id"), name="llmchat_gen_door"),
            models.Index(
                fields=("error_code", "-id"), condition=~models.Q(error_code=""), name="llmchat_gen_error"
            ),
            models.Index(
                fields=("reference",), condition=~models.Q(reference=""), name="llmchat_gen_reference"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.status}"


class JournalChunk(models.Model):
    """The frames that one generation sent in one journal tick, verbatim: `[g,n,"…"],[g,n,"…"]`.

    No database constraint holds the generation: a row deleted meanwhile must not fail the commit
    of everybody else's frames.
    """

    generation = models.ForeignKey(
        Generation, on_delete=models.CASCADE, db_constraint=False, related_name="journal", db_index=False
    )
    first_n = models.BigIntegerField()
    last_n = models.BigIntegerField()
    frames = models.TextField()

    class Meta:
        verbose_name = _("journal chunk")
        verbose_name_plural = _("journal chunks")
        ordering = ("generation", "first_n")
        constraints = [
            models.UniqueConstraint(fields=("generation", "first_n"), name="llmchat_journal_order"),
        ]

    def __str__(self) -> str:
        return f"{self.generation_id}: {self.first_n} to {self.last_n}"
