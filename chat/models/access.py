from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class AppendOnlyError(TypeError):
    """Raised when a row that only may be added is changed or deleted."""


class AppendOnlyQuerySet(models.QuerySet[Any]):
    def update(self, **kwargs: Any) -> int:
        raise AppendOnlyError("Rows of this table are only ever added.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("Rows of this table are only ever added.")


class ContentAccess(models.Model):
    """Who read what of somebody else's texts, when, from where. Rows are only ever added.

    It names people and conversations by value, not by key: the record outlives both.
    """

    class Action(models.TextChoices):
        """What somebody did with texts that are not theirs."""

        READ = "read", _("read the transcript")
        LISTED = "list", _("saw titles in the list")
        SEARCH = "search", _("searched in texts")
        HIT = "hit", _("found it by a search")
        COMPARED = "compare", _("read an answer and its feedback")
        EXPORT = "export", _("exported texts")
        USAGE = "usage", _("exported usage")

    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("reader"),
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    reader_name = models.CharField(_("reader's name"), max_length=254)
    #: Whose texts they were; null for guests, and where nobody's in particular.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    conversation_id = models.UUIDField(_("conversation"), null=True, db_index=True)
    owner_name = models.CharField(_("owner's name"), max_length=254, blank=True, default="")
    action = models.CharField(_("action"), max_length=20)
    #: The term that was searched for, the filter of a list, the form of an export.
    what = models.CharField(_("what"), max_length=200, blank=True, default="")
    why = models.CharField(_("why"), max_length=200, blank=True, default="")
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    at = models.DateTimeField(_("at"), auto_now_add=True, db_index=True)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        verbose_name = _("content access")
        verbose_name_plural = _("who read what")
        ordering = ("-id",)
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.reader_name} {self.action} {self.conversation_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError("Rows of this table are only ever added.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("Rows of this table are only ever added.")

    @property
    def label(self) -> str:
        """What was done, in words; an action of an older version by its own name."""
        known = self.Action
        return str(known(self.action).label) if self.action in known.values else self.action
