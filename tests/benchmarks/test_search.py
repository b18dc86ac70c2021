"""The benchmark of the search, small: it finds what it looks for, on both databases."""

from __future__ import annotations

import pytest

from benchmarks import search


@pytest.mark.slow
def test_the_benchmark_of_the_search_runs() -> None:
    found = search.run(2_000, 1)
    assert set(found) == {"SQLite", "PostgreSQL"}
    text = search.render(found, 2_000)
    assert all(f"| {name} |" in text for name in search.SEARCHES)
    # A bound for the suite, not a measurement: nothing reads all of the texts.
    assert all(took < 1_000 for one in found.values() for took in one["ms"].values())
