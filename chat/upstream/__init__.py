"""The way to the providers; knows neither Django nor the models."""

from __future__ import annotations

from .client import Clients
from .errors import UpstreamError
from .stream import UpstreamStream
from .types import ChatRequest, Delta, Ended, Endpoint, Usage

__all__ = ["ChatRequest", "Clients", "Delta", "Ended", "Endpoint", "UpstreamError", "UpstreamStream", "Usage"]
