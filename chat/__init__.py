"""A chat for any Django site: answers of OpenAI-compatible models, streamed, journalled, kept."""

from __future__ import annotations

__version__ = "0.1.0"
