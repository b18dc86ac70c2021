"""For the tests of sites that embed the app: a provider that does what it is told."""

from __future__ import annotations

from .exchange import Seen
from .script import Script
from .scripted_upstream import ScriptedUpstream

__all__ = ["Script", "ScriptedUpstream", "Seen"]
