"""The benchmark runs, and its rows are whole; what they say is for `make bench`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.slow
def test_a_quick_run_measures_everything_once(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--json", str(report)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(report.read_text())
    rows = {row["server"]: row for row in told["rows"]}
    assert set(rows) >= {"relay", "daphne", "uvicorn", "v1"}
    assert rows["v1"]["relayed"]
    for name in ("daphne", "uvicorn"):
        row = rows[name]
        assert row["cpu_ms_per_answer"] > 0
        assert row["first_token_p50_ms"] is not None
        assert row["idle_socket_kb"] is not None
        assert row["transactions_per_second"] is not None
        assert row["committed_first"] is True
    assert told["bounds"]
    assert "all streams in step" in done.stdout
    assert "A quick run" in done.stdout
