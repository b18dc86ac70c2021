"""The one place where the `LLMCHAT` setting is read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, cast, get_origin

import msgspec
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One OpenAI-compatible service; with empty `MODELS` it takes whatever name the user gives."""

    BASE_URL: str = "https://api.openai.com/v1"
    API_KEY: str = ""
    #: The environment variable that holds the key, where `API_KEY` is empty.
    API_KEY_ENV: str = ""
    #: What people read; empty = the name it has in the settings.
    LABEL: str = ""
    HEADERS: dict[str, str] = {}
    MODELS: tuple[str, ...] = ()
    #: What its models can do: reasoning, tools, vision. Rows of the catalogue say it model by model.
    CAPABILITIES: tuple[str, ...] = ()
    #: Asked in this order when it fails: another provider's name, or `provider/model`.
    FALLBACKS: tuple[str, ...] = ()
    #: Whether an answer of it that breaks off is continued, by it or by a fallback.
    FAILOVER: bool = False
    #: Answers at once, per process; 0 = any number.
    MAX_RUNNING: int = 0
    #: Requests before the first token; 0 = as the site has it.
    MAX_ATTEMPTS: int = 0
    #: 0 = as the site has it.
    FIRST_TOKEN_TIMEOUT: float = 0
    #: Its name in the price library; empty = found by its address.
    PRICED_AS: str = ""
    CONNECT_TIMEOUT: float = 5.0
    #: Tokens that the prompt and the answer may take together; 0 = not known, nothing is cut.
    CONTEXT_TOKENS: int = 0
    #: Whether an unfinished assistant message at the end is taken as the beginning of the answer.
    ASSISTANT_PREFIX: bool = False
    #: Whether `<think>…</think>` at the beginning of an answer is reasoning, and no text.
    THINK_TAGS: bool = True
    #: Under which name earlier reasoning is sent back, as `reasoning_content`; empty = it is not.
    REASONING_FIELD: str = ""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All keys of `LLMCHAT` with their defaults. Times are seconds unless the name says otherwise."""

    PROVIDERS: dict[str, Provider] = {}
    #: The model of a new conversation; empty = the first one of the first provider.
    MODEL: str = ""
    #: Names of one's own: name → models, the first healthy one of which is asked.
    ALIASES: dict[str, tuple[str, ...]] = {}
    SYSTEM_PROMPT: str = ""
    SUGGESTIONS: tuple[str, ...] = ()
    #: Says on the page that the model is a toy.
    DEMO: bool = False
    #: Dotted path of the `ChatPolicy` subclass; empty = the app's own.
    POLICY: str = ""
    ALLOW_MISSING_ORIGIN: bool = False

    MAX_SOCKETS_PER_USER: int = 20
    MAX_RUNNING_PER_USER: int = 4
    MAX_RUNNING: int = 400
    MAX_QUEUED_PER_USER: int = 20
    COMMANDS_PER_MINUTE: int = 120
    MAX_KEYS_PER_USER: int = 20
    ABANDON_AFTER: float = 300
    DRAIN_SECONDS: float = 10
    FRAME_INTERVAL: float = 0.04
    JOURNAL_INTERVAL: float = 0.2
    #: How long journal rows outlive their answer.
    JOURNAL_KEEP: float = 60
    #: What a reader of `metrics` has to show; empty = only this machine may.
    METRICS_TOKEN: str = ""
    #: What becomes of the conversations of a user who is deleted.
    ON_USER_DELETE: Literal["delete", "anonymise", "keep"] = "delete"
    FIRST_TOKEN_TIMEOUT: float = 60
    IDLE_TIMEOUT: float = 30
    TOTAL_TIMEOUT: float = 600
    #: Requests to one provider before its first token.
    MAX_ATTEMPTS: int = 3
    #: The first retry comes within so many seconds, at random; the ceiling doubles.
    RETRY_DELAY: float = 0.5
    #: A provider that asks for a longer wait is not asked again.
    MAX_RETRY_AFTER: float = 30
    #: So many failures in a row, or one timeout, and a provider is passed by for so long.
    BREAKER_FAILURES: int = 3
    BREAKER_SECONDS: float = 30
    MAX_ANSWER_CHARS: int = 1_000_000
    MAX_MESSAGE_CHARS: int = 200_000
    MAX_HISTORY_MESSAGES: int = 400
    #: Names new conversations by their first question and answer; empty = their first words do.
    TITLE_MODEL: str = ""
    #: Whether people may delete their own account on the settings page.
    ACCOUNT_DELETION: bool = False
    #: How long a temporary conversation lives after its last message.
    TEMPORARY_FOR: float = 86_400
    #: How long a deletion can be taken back.
    UNDO_FOR: float = 300
    #: Whether staff must say why before they see texts that are not theirs.
    ACCESS_REASON_REQUIRED: bool = False
    #: Whether users are told that staff can read what they write, and shown who has.
    TELL_READERS: bool = False
    SESSION_CHECK_INTERVAL: float = 30
    #: A runner whose beat stood still for so long, of the observer's own clock, is dead.
    RUNNER_TIMEOUT: float = 8
    RUNNER_BEAT: float = 2


PLAIN = {
    field.name: field.type
    for field in msgspec.structs.fields(Settings)
    if field.type in (int, float, str, bool) or get_origin(field.type) is Literal
}


def from_environment(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The plain keys that `environ` sets as `LLMCHAT_<KEY>`, converted to their types.

    Raises ImproperlyConfigured with the name of the variable when a value does not fit.
    """
    found = {}
    for key, kind in PLAIN.items():
        if (value := environ.get(f"LLMCHAT_{key}")) is not None:
            try:
                found[key] = msgspec.convert(value, kind, strict=False)
            except msgspec.ValidationError as error:
                raise ImproperlyConfigured(f"LLMCHAT_{key}: {error}") from error
    return found


@lru_cache(maxsize=1)
def load() -> Settings:
    """Reads and checks `settings.LLMCHAT`; raises ImproperlyConfigured when it does not fit."""
    given = dict(getattr(django_settings, "LLMCHAT", {}))
    if not given.get("PROVIDERS"):
        # The two variables every OpenAI SDK reads, so that a site runs with nothing in its settings.
        given["PROVIDERS"] = {
            "default": {
                "BASE_URL": os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1",
                "API_KEY": os.environ.get("OPENAI_API_KEY", ""),
            }
        }
    try:
        return _with_keys(msgspec.convert(given, Settings))
    except msgspec.ValidationError as error:
        raise ImproperlyConfigured(f"settings.LLMCHAT: {error}") from error


def _with_keys(loaded: Settings) -> Settings:
    """The settings with the keys that stand in the environment."""
    for alias, provider in loaded.PROVIDERS.items():
        if provider.API_KEY_ENV and not provider.API_KEY:
            key = os.environ.get(provider.API_KEY_ENV, "")
            loaded.PROVIDERS[alias] = msgspec.structs.replace(provider, API_KEY=key)
    return loaded


class _Lazy:
    """Looks like `Settings`, reads it at the first use and again after `override_settings`."""

    def __getattr__(self, name: str) -> Any:
        # Kept, as some are read for every piece of an answer.
        value = self.__dict__[name] = getattr(load(), name)
        return value


settings = cast("Settings", _Lazy())


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting == "LLMCHAT":
        load.cache_clear()
        vars(settings).clear()


setting_changed.connect(_forget)
