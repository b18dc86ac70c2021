from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..conf import settings

#: What a model may be able to do: the keys of `ChatModel.capabilities`, and what they are called.
CAPABILITIES = {
    "reasoning": _("thinks before it answers"),
    "tools": _("calls tools"),
    "vision": _("reads images"),
}


def _price_field(name: Any) -> models.DecimalField[Any, Any]:
    return models.DecimalField(
        name,
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("US dollars per million tokens; empty: what the price library knows."),
    )


class ChatModel(models.Model):
    """A model of a provider, as the site offers it. Without any enabled row the settings alone decide.

    Neither addresses nor keys stand here: `provider` is a name of `LLMCHAT["PROVIDERS"]`.
    """

    provider = models.CharField(_("provider"), max_length=100)
    name = models.CharField(_("name"), max_length=200, help_text=_("As the provider calls it."))
    label = models.CharField(_("label"), max_length=100, blank=True, default="")
    description = models.CharField(_("description"), max_length=300, blank=True, default="")
    order = models.PositiveIntegerField(
        _("order"), default=100, help_text=_("The lowest is the best: the default, and what auto-best takes.")
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    groups = models.ManyToManyField(
        "auth.Group",
        verbose_name=_("groups"),
        blank=True,
        related_name="+",
        help_text=_("Who may use it; none: everybody."),
    )
    capabilities = models.JSONField(_("capabilities"), default=dict, blank=True)
    context_tokens = models.PositiveIntegerField(
        _("context size"), default=0, help_text=_("In tokens; 0: what the settings say of its provider.")
    )
    prompt_price = _price_field(_("price of the prompt"))
    cached_price = _price_field(_("price of the cached prompt"))
    completion_price = _price_field(_("price of the answer"))
    #: Names of models, asked in this order when this one fails.
    fallbacks = models.JSONField(_("fallbacks"), default=list, blank=True)
    #: Whether the provider listed it when it was last asked.
    listed = models.BooleanField(_("listed by its provider"), default=True)
    listed_at = models.DateTimeField(_("last listed"), null=True, blank=True)

    class Meta:
        verbose_name = _("model")
        verbose_name_plural = _("models")
        ordering = ("order", "provider", "name")
        constraints = [models.UniqueConstraint(fields=("provider", "name"), name="llmchat_model_once")]

    def __str__(self) -> str:
        return f"{self.provider}/{self.name}"

    def clean(self) -> None:
        if self.provider not in settings.PROVIDERS:
            raise ValidationError({"provider": _("The settings have no provider of this name.")})
        if (self.prompt_price is None) != (self.completion_price is None):
            raise ValidationError({"completion_price": _("Both prices, or none.")})
        for field, kind in (("fallbacks", list), ("capabilities", dict)):
            if not isinstance(getattr(self, field), kind):
                raise ValidationError({field: _("This cannot be read.")})
