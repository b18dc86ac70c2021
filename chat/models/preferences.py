from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from msgspec import Meta, Struct

from ..prepared import Select
from .owner import Owner

MAX_INSTRUCTIONS = 4_000


class Preferences(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What people set for themselves. Empty: as the site has it."""

    theme: Literal["system", "light", "dark"] = "system"
    language: Annotated[str, Meta(max_length=16)] = ""
    #: What sends a message; the other one of the two makes a new line.
    enter_key: Literal["enter", "ctrl"] = "enter"
    default_model: Annotated[str, Meta(max_length=200)] = ""
    #: Stands before each of the owner's conversations, after the site's own words.
    instructions: Annotated[str, Meta(max_length=MAX_INSTRUCTIONS)] = ""


class PreferenceQuerySet(models.QuerySet["Preference"]):
    def of(self, owner: Owner) -> Preferences:
        """The owner's preferences; the defaults where nothing was ever set."""
        for (values,) in _values_of(**owner.fields) if owner else ():
            return _lenient(values)
        return Preferences()


class Preference(models.Model):
    """The preferences of one owner."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="llmchat_preference",
    )
    session_key = models.CharField(_("guest session"), max_length=40, blank=True, default="")
    values = models.JSONField(_("preferences"), default=dict, blank=True)
    updated = models.DateTimeField(_("updated"), auto_now=True)

    objects = PreferenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("preferences")
        verbose_name_plural = _("preferences")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(owner__isnull=False, session_key="")
                | (models.Q(owner__isnull=True) & ~models.Q(session_key="")),
                name="llmchat_preference_one_owner",
            ),
            models.UniqueConstraint(
                fields=("session_key",),
                condition=~models.Q(session_key=""),
                name="llmchat_preference_guest",
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.owner_id or self.session_key[:8]}"


_values_of = Select(
    Preference,
    lambda owner_id, session_key: Preference.objects.filter(
        owner=owner_id, session_key=session_key
    ).values_list("values"),
    owner_id="owner",
)
_FIELDS = {field.name: field.type for field in msgspec.structs.fields(Preferences)}


def _lenient(values: dict[str, Any]) -> Preferences:
    """Those of the values that still fit: a choice that is no longer offered must not break the page."""
    kept = {}
    for name, kind in _FIELDS.items():
        if name in values:
            try:
                kept[name] = msgspec.convert(values[name], kind)
            except msgspec.ValidationError:
                continue
    return Preferences(**kept)
