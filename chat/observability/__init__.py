"""What an operator sees from outside: a log line, numbers and a span for each answer, and no word of it.

The engine calls `answered` once per answer, at its end. Nothing here is called per token.
"""

from __future__ import annotations

from .answers import Answer, answered

__all__ = ["Answer", "answered"]
