from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .message import Message


class Feedback(models.Model):
    """What a reader thinks of an answer: one opinion per reader, which a later one replaces."""

    class Rating(models.IntegerChoices):
        GOOD = 1, _("good")
        BAD = -1, _("bad")

    class Reason(models.TextChoices):
        """What a thumb may be given for; the first three belong to a good one."""

        CORRECT = "correct", _("Correct")
        HELPFUL = "helpful", _("Helpful")
        CLEAR = "clear", _("Well written")
        WRONG = "wrong", _("Not correct")
        OFF_TOPIC = "off_topic", _("Not what I asked")
        INCOMPLETE = "incomplete", _("Incomplete")
        STYLE = "style", _("Style or length")
        REFUSED = "refused", _("Declined without need")
        UNSAFE = "unsafe", _("Harmful or offensive")

    message = models.ForeignKey(
        Message, verbose_name=_("message"), on_delete=models.CASCADE, related_name="feedback"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
    )
    session_key = models.CharField(_("guest session"), max_length=40, blank=True, default="")
    rating = models.SmallIntegerField(_("rating"), choices=Rating)
    #: Values of `Reason`.
    reasons = models.JSONField(_("reasons"), default=list, blank=True)
    comment = models.TextField(_("comment"), blank=True, default="")
    created = models.DateTimeField(_("created"), auto_now_add=True)
    updated = models.DateTimeField(_("updated"), auto_now=True)
    #: When somebody of the site has looked at it, and who; a later opinion has to be looked at anew.
    handled_at = models.DateTimeField(_("handled"), null=True, blank=True)
    handled_by = models.CharField(_("handled by"), max_length=254, blank=True, default="")

    class Meta:
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")
        ordering = ("-updated", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=("message", "owner"),
                condition=models.Q(owner__isnull=False),
                name="llmchat_feedback_one_each",
            ),
            models.UniqueConstraint(
                fields=("message", "session_key"),
                condition=models.Q(owner__isnull=True),
                name="llmchat_feedback_one_each_guest",
            ),
            models.CheckConstraint(condition=models.Q(rating__in=(1, -1)), name="llmchat_feedback_rating"),
        ]
        indexes = [
            models.Index(fields=("rating", "-updated"), name="llmchat_fb_rating_updated"),
            models.Index(fields=("-updated", "-id"), name="llmchat_fb_updated"),
            models.Index(
                fields=("-updated", "-id"),
                condition=models.Q(handled_at__isnull=True),
                name="llmchat_fb_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_rating_display()} {self.message_id}"
