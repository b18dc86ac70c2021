"""The context of work that outlives the request, command or view that asked for it."""

from __future__ import annotations

from contextvars import Context
from functools import lru_cache

from django.utils import translation


def lasting_context() -> Context:
    """A context of its own: nothing of the caller's goes on in it but the language.

    asgiref keeps in the context in which thread a request's synchronous code runs; with the request
    that thread is gone, and whoever asks for it gets a RuntimeError.
    """
    return _speaking(translation.get_language()).copy()


@lru_cache(maxsize=256)
def _speaking(language: str | None) -> Context:
    context = Context()
    if language:
        context.run(translation.activate, language)
    return context
