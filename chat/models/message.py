from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from .conversation import Conversation
from .status import Role, Status


class Message(models.Model):
    """One node of a conversation's tree. An answer's content is the texts of its generations in order.

    While a generation runs, its text is in the journal; `content` holds what came before it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(
        Conversation, verbose_name=_("conversation"), on_delete=models.CASCADE, related_name="messages"
    )
    parent = models.ForeignKey(
        "self",
        verbose_name=_("parent"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="children",
    )
    role = models.CharField(_("role"), max_length=10, choices=Role)
    content = models.TextField(_("content"), blank=True, default="")
    reasoning = models.TextField(_("reasoning"), blank=True, default="")
    #: The numbered events worth keeping (retries, fallbacks, tool calls), as they were on the wire.
    steps = models.JSONField(_("steps"), default=list, blank=True)
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.COMPLETE)
    #: Stays in what the model reads, however long the conversation gets.
    pinned = models.BooleanField(_("pinned"), default=False)
    model = models.CharField(_("model"), max_length=200, blank=True, default="")
    #: The order of writing within the conversation; the highest one is its leaf last written.
    position = models.PositiveIntegerField(_("position"))
    created = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ("conversation", "position")
        constraints = [
            models.UniqueConstraint(fields=("conversation", "position"), name="llmchat_message_position"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="llmchat_message_role"),
            models.CheckConstraint(
                condition=models.Q(status__in=Status.values), name="llmchat_message_status"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} {self.position}"
