from __future__ import annotations

from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from .conversation import Conversation

Q = TypeVar("Q", bound="models.QuerySet[Any]")


class RetentionRule(models.Model):
    """For how long conversations are kept after their last change. Without a rule: for ever.

    Of somebody with several groups the longest time counts; the rule without a group is for all others.
    """

    group = models.OneToOneField(
        "auth.Group",
        verbose_name=_("group"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text=_("None: everybody who is in no group that has a rule, and guests."),
    )
    keep_days = models.PositiveIntegerField(_("days"), validators=[MinValueValidator(1)])

    class Meta:
        verbose_name = _("retention rule")
        verbose_name_plural = _("retention rules")
        ordering = ("-keep_days", "id")

    def __str__(self) -> str:
        return f"{self.group or _('everybody else')}: {self.keep_days}"

    def clean(self) -> None:
        others = RetentionRule.objects.exclude(pk=self.pk)
        if self.group_id is None and others.filter(group=None).exists():
            raise ValidationError({"group": _("There is a rule for everybody else already.")})


class LegalHoldQuerySet(models.QuerySet["LegalHold"]):
    def spare(self, conversations: Q) -> Q:
        """Those of the conversations that nothing holds."""
        named = self.filter(conversation__isnull=False).values("conversation")
        people = self.filter(user__isnull=False).values("user")
        free: Q = conversations.exclude(pk__in=named).exclude(owner__in=people, owner__isnull=False)
        return free

    def on(self, conversations: models.QuerySet[Conversation]) -> models.QuerySet[LegalHold]:
        """The holds that are on any of the conversations, by itself or by its owner."""
        by_owner = models.Q(user__in=conversations.filter(owner__isnull=False).values("owner"))
        return self.filter(models.Q(conversation__in=conversations) | by_owner)


class LegalHold(models.Model):
    """Keeps all conversations of a user, or one, from being deleted by anybody, until the row is deleted."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    conversation = models.ForeignKey(
        Conversation,
        verbose_name=_("conversation"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="holds",
    )
    why = models.CharField(_("why"), max_length=200)
    #: Who did it, by name: the row outlives the account.
    by = models.CharField(_("by"), max_length=254, blank=True, default="", editable=False)
    since = models.DateTimeField(_("since"), auto_now_add=True)

    objects = LegalHoldQuerySet.as_manager()

    class Meta:
        verbose_name = _("legal hold")
        verbose_name_plural = _("legal holds")
        ordering = ("-since", "-id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user__isnull=False, conversation__isnull=True)
                | models.Q(user__isnull=True, conversation__isnull=False),
                name="llmchat_hold_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.conversation}: {self.why}"

    def clean(self) -> None:
        if (self.user_id is None) == (self.conversation_id is None):
            raise ValidationError(_("Either a user or a conversation, please."))
