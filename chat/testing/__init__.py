"""For the tests of sites that embed the app: a provider that does what it is told."""

from __future__ import annotations
