"""The decisions a host makes: subclass `ChatPolicy`, name the subclass in `LLMCHAT["POLICY"]`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.core.signals import setting_changed
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from .conf import Provider, settings
from .exceptions import Refused

if TYPE_CHECKING:
    from .models import Conversation


class ChatPolicy:
    """Who may chat, with which model, under which system prompt, with what context.

    All methods are synchronous and may use the database; none is called per token.
    """

    def may_chat(self, user: Any) -> bool:
        """Whether `user` may use the chat at all; asked at connect, per command and every 30 s."""
        return bool(user.is_authenticated and user.is_active)

    def get_models(self, user: Any) -> list[str]:
        """The models `user` may name, the default one first. Empty: any name is passed on."""
        names = [name for provider in settings.PROVIDERS.values() for name in provider.MODELS]
        default = settings.MODEL
        return [default, *(name for name in names if name != default)] if default and names else names

    def get_model(self, user: Any, requested: str = "", conversation: Conversation | None = None) -> str:
        """The model that answers. Raises `Refused("model_unavailable")` for one not offered."""
        models = self.get_models(user)
        if requested:
            if models and requested not in models:
                raise Refused("model_unavailable")
            return requested
        kept = conversation.model if conversation is not None else ""
        if kept and (not models or kept in models):
            return kept
        return settings.MODEL or (models[0] if models else "")

    def get_provider(self, model: str) -> tuple[str, Provider]:
        """The alias and the provider that serve `model`. Raises `Refused("model_unavailable")`."""
        first: tuple[str, Provider] | None = None
        for alias, provider in settings.PROVIDERS.items():
            if model in provider.MODELS:
                return alias, provider
            if first is None and not provider.MODELS:
                first = alias, provider
        if first is None:
            raise Refused("model_unavailable")
        return first

    def get_system_prompt(self, user: Any, conversation: Conversation | None) -> str:
        """What stands before the conversation: the site's words, then its own; empty for nothing."""
        own = conversation.system_prompt if conversation is not None else ""
        return "\n\n".join(filter(None, (settings.SYSTEM_PROMPT, own)))

    def get_abandon_after(self, user: Any) -> float:
        """Seconds after which an answer that no browser watches is stopped; 0 = never."""
        return settings.ABANDON_AFTER

    def get_suggestions(self, user: Any) -> list[str]:
        """Three things to ask, for the empty page."""
        return list(settings.SUGGESTIONS) or [
            _("Explain how a rainbow comes about, in three sentences."),
            _("Write a polite reminder about an unpaid invoice."),
            _("Suggest a simple dinner with lentils and tomatoes."),
        ]


@lru_cache(maxsize=1)
def get_policy() -> ChatPolicy:
    """The policy of this site."""
    policy: ChatPolicy = import_string(settings.POLICY)() if settings.POLICY else ChatPolicy()
    return policy


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting == "LLMCHAT":
        get_policy.cache_clear()


setting_changed.connect(_forget)
