from __future__ import annotations

import uuid
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..protocol import Options


class _Options(Options, forbid_unknown_fields=True):
    """What an operator misspells, they are told."""


class PresetQuerySet(models.QuerySet["Preset"]):
    def for_user(self, user: Any) -> PresetQuerySet:
        """Those that are offered to `user`, in the operator's order."""
        open_to_all = models.Q(groups=None)
        if getattr(user, "pk", None) is not None and hasattr(user, "groups"):
            open_to_all |= models.Q(groups__in=user.groups.values("pk"))
        return self.filter(open_to_all, active=True).distinct()


class Preset(models.Model):
    """What a new conversation can begin with: a system prompt, a model, parameters.

    A conversation keeps to its preset as that is at the moment, and people do not get to see the prompt.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100)
    description = models.CharField(_("description"), max_length=300, blank=True, default="")
    system_prompt = models.TextField(
        _("system prompt"),
        blank=True,
        default="",
        help_text=_("Stands after the site's own words, and before what people add."),
    )
    model = models.CharField(
        _("model"), max_length=200, blank=True, default="", help_text=_("Empty: the default one.")
    )
    options = models.JSONField(
        _("parameters"), default=dict, blank=True, help_text=_('Such as {"temperature": 0.2}.')
    )
    groups = models.ManyToManyField(
        "auth.Group",
        verbose_name=_("groups"),
        blank=True,
        related_name="+",
        help_text=_("Who is offered it; none: everybody."),
    )
    order = models.PositiveIntegerField(_("order"), default=100)
    active = models.BooleanField(
        _("offered"), default=True, help_text=_("Conversations that have begun with it go on.")
    )

    objects = PresetQuerySet.as_manager()

    class Meta:
        verbose_name = _("preset")
        verbose_name_plural = _("presets")
        ordering = ("order", "name", "id")

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        try:
            options = msgspec.convert(self.options, _Options)
        except msgspec.ValidationError as error:
            raise ValidationError({"options": str(error)}) from error
        self.options = options.given()


class BannerQuerySet(models.QuerySet["Banner"]):
    def now(self) -> BannerQuerySet:
        """Those that are to be shown at this moment, the gravest first."""
        now = timezone.now()
        begun = models.Q(starts=None) | models.Q(starts__lte=now)
        return self.filter(begun, models.Q(ends=None) | models.Q(ends__gt=now), active=True)


class Banner(models.Model):
    """A sentence for everybody, above the chat."""

    class Level(models.TextChoices):
        INFO = "info", _("note")
        WARNING = "warning", _("warning")
        DANGER = "danger", _("outage")

    text = models.CharField(_("text"), max_length=500)
    level = models.CharField(_("level"), max_length=10, choices=Level, default=Level.INFO)
    starts = models.DateTimeField(_("from"), null=True, blank=True)
    ends = models.DateTimeField(_("until"), null=True, blank=True)
    dismissible = models.BooleanField(_("can be closed"), default=True)
    active = models.BooleanField(_("active"), default=True)
    #: With it a changed banner is a new one to those who have closed it.
    changed = models.DateTimeField(auto_now=True)

    objects = BannerQuerySet.as_manager()

    class Meta:
        verbose_name = _("banner")
        verbose_name_plural = _("banners")
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.text

    def clean(self) -> None:
        if self.starts is not None and self.ends is not None and self.ends <= self.starts:
            raise ValidationError({"ends": _("It ends before it begins.")})

    @property
    def key(self) -> str:
        """Under which a browser remembers that it was closed."""
        return f"{self.pk}-{int(self.changed.timestamp())}"
