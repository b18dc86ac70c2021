"""The operator's switches: a model, a provider or the whole site that takes no questions for now.

Each process reads them with every beat into its `health`, which knows whom not to ask.
"""

from __future__ import annotations

from collections.abc import Collection

from ..exceptions import Refused
from ..models import Pause

#: The name of the whole site among those of models.
SITE = ""


def read() -> frozenset[str]:
    """The names of all that is paused."""
    return frozenset(Pause.objects.values_list("model", flat=True))


def check_site(paused: Collection[str]) -> None:
    """Raises `Refused("unavailable")` while the whole site is paused."""
    if SITE in paused:
        raise Refused("unavailable", retry_after=30)
