"""The admin with a million messages: builds them, opens each page, and says how long it took."""

from __future__ import annotations

#: The contract: milliseconds, and queries of one page.
MAX_MS, MAX_QUERIES = 300, 12
