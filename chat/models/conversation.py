from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .owner import Owner, as_configured

if TYPE_CHECKING:
    from .message import Message


class ConversationQuerySet(models.QuerySet["Conversation"]):
    """Where every lookup of a door begins."""

    def for_owner(self, owner: Owner) -> ConversationQuerySet:
        """What belongs to `owner` and was not deleted; nothing when there is none."""
        return self.filter(**owner.fields, deleted_at=None) if owner else self.none()

    def deleted_by(self, owner: Owner) -> ConversationQuerySet:
        """What `owner` has deleted and can take back."""
        mine = self.filter(**owner.fields) if owner else self.none()
        return mine.filter(deleted_at__isnull=False, expires_at__gt=timezone.now())

    def for_user(self, user: Any, session_key: str = "") -> ConversationQuerySet:
        """What belongs to `user`, or to the guest of `session_key`."""
        return self.for_owner(Owner.of(user, session_key))


class Conversation(models.Model):
    """A tree of messages with one owner. `revision` grows by one with every change a viewer could see."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        null=True,
        blank=True,
        on_delete=as_configured,
        related_name="llmchat_conversations",
    )
    session_key = models.CharField(_("guest session"), max_length=40, blank=True, default="")
    title = models.CharField(_("title"), max_length=200, blank=True, default="")
    model = models.CharField(_("model"), max_length=200, blank=True, default="")
    system_prompt = models.TextField(_("system prompt"), blank=True, default="")
    #: What its owner asks of the model, as in the protocol's `options`.
    options = models.JSONField(_("parameters"), default=dict, blank=True)
    preset = models.ForeignKey(
        "llmchat.Preset",
        verbose_name=_("preset"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    pinned = models.BooleanField(_("pinned"), default=False)
    archived = models.BooleanField(_("archived"), default=False)
    temporary = models.BooleanField(_("temporary"), default=False)
    #: When it goes for good; null = never.
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    #: Its owner has deleted it, and can take that back until it expires.
    deleted_at = models.DateTimeField(_("deleted at"), null=True, blank=True)
    #: An answer has ended that its owner has not looked at.
    unread = models.BooleanField(_("unread"), default=False)
    revision = models.PositiveBigIntegerField(_("revision"), default=0)
    #: What the conversation is about, in the host's own data; a text, as keys come in all shapes.
    content_type = models.ForeignKey(
        "contenttypes.ContentType", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    object_id = models.CharField(max_length=255, blank=True, default="")
    subject = GenericForeignKey("content_type", "object_id")
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    #: How the answer that ended last did, and with which error: the admin filters a million of them by it.
    ended_status = models.CharField(max_length=12, blank=True, default="", editable=False)
    ended_error = models.CharField(max_length=32, blank=True, default="", editable=False)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    updated = models.DateTimeField(_("updated"), auto_now=True)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        ordering = ("-updated", "id")
        permissions = [("view_content", _("Can read the texts of conversations"))]
        constraints = [
            models.CheckConstraint(
                # Or none: of a user who was deleted, where conversations are kept.
                condition=models.Q(owner__isnull=True) | models.Q(session_key=""),
                name="llmchat_conversation_one_owner",
            )
        ]
        indexes = [
            models.Index(fields=("owner", "-updated"), name="llmchat_conv_owner_updated"),
            models.Index(fields=("session_key", "-updated"), name="llmchat_conv_guest_updated"),
            models.Index(fields=("-updated", "id"), name="llmchat_conv_updated"),
            models.Index(fields=("content_type", "object_id"), name="llmchat_conv_subject"),
            models.Index(
                fields=("expires_at",),
                condition=models.Q(expires_at__isnull=False),
                name="llmchat_conv_expires",
            ),
            models.Index(fields=("model", "-updated", "id"), name="llmchat_conv_model"),
            models.Index(fields=("ended_status", "-updated", "id"), name="llmchat_conv_status"),
            models.Index(
                fields=("ended_error", "-updated", "id"),
                condition=~models.Q(ended_error=""),
                name="llmchat_conv_error",
            ),
        ]

    def __str__(self) -> str:
        # Not the title: it derives from the first words, and names appear where texts must not.
        return f"{self._meta.verbose_name} {str(self.pk)[:8]}".capitalize()

    @property
    def belongs_to(self) -> Owner:
        return Owner(user_id=self.owner_id, session_key=self.session_key)

    def ask(self, text: str, *, model: str = "", **options: Any) -> Message:
        """Asks, waits for the whole answer and returns its message. From sync code only.

        Raises `OpenTransactionError` inside `atomic()`, `Refused` when a limit or state forbids it,
        `GenerationFailed` when the answer ended in error.
        """
        from ..ask import ask

        return ask(self, text, model=model, options=options)

    def astream(self, text: str, *, model: str = "", **options: Any) -> AsyncIterator[str]:
        """Asks and yields the answer's text as it arrives; leaving the loop stops the answer."""
        from ..ask import astream

        return astream(self, text, model=model, options=options)
