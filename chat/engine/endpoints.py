"""A provider of the settings, as the upstream wants it."""

from __future__ import annotations

from ..conf import settings
from ..upstream.types import Endpoint


def endpoint(alias: str) -> Endpoint:
    """Where and how the provider of that name is asked. Raises KeyError for none."""
    provider = settings.PROVIDERS[alias]
    return Endpoint(
        alias=alias,
        base_url=provider.BASE_URL,
        api_key=provider.API_KEY,
        headers=provider.HEADERS,
        connect_timeout=provider.CONNECT_TIMEOUT,
        think_tags=provider.THINK_TAGS,
    )
