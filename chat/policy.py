"""The decisions a host makes: subclass `ChatPolicy`, name the subclass in `LLMCHAT["POLICY"]`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.core.signals import setting_changed
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from . import offering
from .conf import Provider, settings
from .counting import Counter, counter_of
from .exceptions import Refused
from .offering import Catalogue
from .upstream.target import Target

if TYPE_CHECKING:
    from .models import Conversation, Owner, Preferences


class ChatPolicy:
    """Who may chat, with which model, under which system prompt, with what context.

    All methods are synchronous and may use the database; none is called per token.
    """

    def may_chat(self, user: Any) -> bool:
        """Whether `user` may use the chat at all; asked at connect, per command and every 30 s."""
        return bool(user.is_authenticated and user.is_active)

    def get_models(self, user: Any) -> list[str]:
        """The models `user` may name, the default one first. Empty: any name is passed on.

        Plain names of the settings' models, or `provider/model` where the catalogue has rows.
        """
        catalogue = offering.catalogue(user)
        names = catalogue.names
        default = settings.MODEL
        if not default or not names or default in settings.ALIASES or default in offering.AUTO:
            return names
        if (found := catalogue.find(default)) is not None:
            default = found.name
        elif catalogue.closed:
            return names
        return [default, *(name for name in names if name != default)]

    def get_aliases(self, user: Any) -> dict[str, list[str]]:
        """Names that stand for several models: what each chooses from, best first."""
        models = self.get_models(user)
        known = models or ([settings.MODEL] if settings.MODEL else [])
        found = dict.fromkeys(offering.AUTO, known) if known else {}
        for name, members in settings.ALIASES.items():
            if allowed := [model for member in members if (model := self._allowed(user, member, models))]:
                found[name] = allowed
        return found

    def get_model(self, user: Any, requested: str = "", conversation: Conversation | None = None) -> str:
        """The model that answers, or the alias that will choose one.

        Raises `Refused("model_unavailable")` for one not offered.
        """
        models = self.get_models(user)
        aliases = self.get_aliases(user)
        if requested:
            if requested in aliases:
                return requested
            if not (model := self._allowed(user, requested, models)):
                raise Refused("model_unavailable")
            return model
        kept = conversation.model if conversation is not None else self._preferred(user)
        if kept and (kept in aliases or self._allowed(user, kept, models)):
            return kept
        if settings.MODEL in aliases:
            return settings.MODEL
        return models[0] if models else settings.MODEL

    def _preferred(self, user: Any) -> str:
        """What `user` has chosen for new conversations, whether it is still offered or not."""
        from .models import Owner

        owner = Owner.of(user)
        return self.get_preferences(owner).default_model if owner else ""

    def get_provider(self, model: str) -> tuple[str, Provider]:
        """The alias and the provider that serve `model`. Raises `Refused("model_unavailable")`."""
        first: tuple[str, Provider] | None = None
        for alias, provider in settings.PROVIDERS.items():
            if model in provider.MODELS:
                return alias, provider
            if first is None and not provider.MODELS:
                first = alias, provider
        alias, _, name = model.partition("/")
        named = settings.PROVIDERS.get(alias) if name else None
        if named is not None and (not named.MODELS or name in named.MODELS):
            return alias, named
        if first is None:
            raise Refused("model_unavailable")
        return first

    def get_targets(self, user: Any, name: str) -> list[Target]:
        """Whom to ask for `name`, as `get_model` gave it: it and its fallbacks, or what an alias stands for.

        Raises `Refused("model_unavailable")`.
        """
        members = self.get_aliases(user).get(name)
        catalogue = offering.catalogue(user)
        if members is None:
            return self._with_fallbacks(name, catalogue)
        return [self._target(member, catalogue) for member in members]

    def _with_fallbacks(self, name: str, catalogue: Catalogue) -> list[Target]:
        first = self._target(name, catalogue)
        offer = catalogue.find(name)
        provider = settings.PROVIDERS[first.provider]
        targets = [first]
        for fallback in [*(offer.fallbacks if offer is not None else ()), *provider.FALLBACKS]:
            wanted = fallback
            if (other := settings.PROVIDERS.get(fallback)) is not None:
                # A provider alone: the same model there.
                wanted = f"{fallback}/{first.model}"
                if other.MODELS and first.model not in other.MODELS:
                    continue
            try:
                target = self._target(wanted, catalogue)
            except Refused:
                continue
            if all((target.provider, target.model) != (known.provider, known.model) for known in targets):
                targets.append(target)
        return targets

    def _target(self, name: str, catalogue: Catalogue) -> Target:
        if (offer := catalogue.find(name)) is not None:
            return offer.target
        if catalogue.closed:
            raise Refused("model_unavailable")
        alias, provider = self.get_provider(name)
        model = name if name in provider.MODELS else name.removeprefix(f"{alias}/")
        return offering.target(name, alias, model, provider)

    def _allowed(self, user: Any, name: str, models: list[str]) -> str:
        """The name under which `user` may have the model, whatever its spelling; empty for none."""
        catalogue = offering.catalogue(user)
        if name in models or not (models or catalogue.closed):
            return name
        offer = catalogue.find(name)
        return offer.name if offer is not None and offer.name in models else ""

    def get_system_prompt(self, user: Any, conversation: Conversation | None) -> str:
        """What stands before the conversation; empty for nothing.

        The site's words, its preset's, its owner's, its own.
        """
        if conversation is None:
            return settings.SYSTEM_PROMPT
        theirs = self.get_preferences(conversation.belongs_to).instructions
        preset = conversation.preset.system_prompt if conversation.preset is not None else ""
        return "\n\n".join(filter(None, (settings.SYSTEM_PROMPT, preset, theirs, conversation.system_prompt)))

    def get_token_counter(self, model: str) -> Counter:
        """What counts the tokens that a text takes for `model`, where its window is known."""
        return counter_of(model)

    def get_preferences(self, owner: Owner) -> Preferences:
        """What the owner has set for themselves."""
        from .models import Preference

        return Preference.objects.of(owner)

    def prepare_text(self, user: Any, text: str, conversation: Conversation | None) -> str:
        """What a user wrote, as it is to be stored and sent; called before either. May raise `Refused`.

        Messages, system prompts, own instructions, titles, comments, and all messages of a call, of any role.
        `conversation` is None where there is none yet, and for calls that belong to none.
        """
        return text

    def may_delete_account(self, user: Any) -> bool:
        """Whether `user` may delete their own account on the settings page."""
        return bool(settings.ACCOUNT_DELETION and user.is_authenticated and not user.is_staff)

    def delete_account(self, user: Any) -> None:
        """Deletes the account of `user`, of whom the chat has nothing left by then."""
        user.delete()

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
