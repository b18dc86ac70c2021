"""`python -m benchmarks.scale`: builds the rows on both databases, opens every page, writes docs/scale.md."""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from . import MAX_MS, MAX_QUERIES

_ROOT = Path(__file__).resolve().parent.parent.parent
_DOC = _ROOT / "docs" / "scale.md"
FULL = {"users": 1_000, "conversations": 50_000, "messages": 20, "feedback": 15_000, "accesses": 100_000}
SMALL = {"users": 50, "conversations": 1_000, "messages": 20, "feedback": 300, "accesses": 1_000}


def build_here(size: Any) -> bytes:
    """Builds the rows in the database that `DATABASE_URL` names, and sums up their days."""
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from chat.usage import rollup

    from .build import Size, build

    began = time.perf_counter()
    call_command("migrate", verbosity=0)
    build(msgspec.convert(size, Size))
    rollup.catch_up()
    User.objects.create_superuser("operator", "", "operator")
    return msgspec.json.encode({"built_s": round(time.perf_counter() - began)})


def measure_here() -> bytes:
    """Opens every page as the operator; returns the figures."""
    from django.contrib.auth.models import User
    from django.test import Client

    from .pages import measure, row_counts

    client = Client()
    client.force_login(User.objects.get(username="operator"))
    return msgspec.json.encode({"pages": measure(client), "counts": row_counts(client)})


def child(url: str, *arguments: str) -> dict[str, Any]:
    """Runs a part of the work in a process of its own, on the database at `url`."""
    environ = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, "-m", "benchmarks.scale", *arguments]
    done = subprocess.run(command, cwd=_ROOT, env=environ, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = msgspec.json.decode(done.stdout)
    return found


def run(url: str, size: dict[str, int]) -> dict[str, Any]:
    """Builds and measures on the database at `url`."""
    child(url, "--build", msgspec.json.encode(size).decode())
    return child(url, "--measure")


def render(results: dict[str, dict[str, Any]], size: dict[str, int]) -> str:
    """The report in Markdown."""
    from benchmarks import machine

    on = machine.describe()
    total = size["conversations"] * size["messages"]
    names = list(results)
    lines = [
        "# The admin with a million messages",
        "",
        f"Written by `make scale` on {datetime.datetime.now(datetime.UTC):%Y-%m-%d}: {total:,} messages in "
        f"{size['conversations']:,} conversations of {size['users']:,} users, {total // 2:,} answers with "
        "their rows in the ledger, and a full-text entry for each message.",
        "",
        f"Machine: {on.processor}, {on.cores} cores, {on.memory_mb} MB, {on.system}, Python {on.python}.",
        "",
        f"The bounds: under {MAX_MS} ms (median of five, after one to warm up; the slowest beside it) and "
        f"at most {MAX_QUERIES} queries, which do not grow with the rows of a page. The time is that of the "
        "whole page, from the request to the last byte, in one process; CPU is the processor time of that "
        "process, which on SQLite is all of it.",
        "",
        "| page | " + " | ".join(f"{name}: ms | slowest | CPU | queries" for name in names) + " |",
        "|---|" + "---:|" * (4 * len(names)),
    ]
    for index, page in enumerate(results[names[0]]["pages"]):
        cells = []
        for name in names:
            row = results[name]["pages"][index]
            over = row["median_ms"] >= MAX_MS or row["queries"] > MAX_QUERIES or row["status"] != 200
            mark = " **over**" if over else ""
            times = f"{row['median_ms']:.0f}{mark} | {row['slowest_ms']:.0f} | {row['cpu_ms']:.0f}"
            cells.append(f"{times} | {row['queries']}")
        lines.append(f"| {page['name']} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Queries of each list with 10 rows on the page, and with 100:",
        "",
        "| list | 10 | 100 |",
        "|---|---:|---:|",
    ]
    for name in names:
        for model, (ten, hundred) in results[name]["counts"].items():
            lines.append(f"| {model} ({name}) | {ten} | {hundred} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="see that it works; its figures say nothing")
    parser.add_argument("--build", help=argparse.SUPPRESS)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build or options.measure:
        import django

        django.setup()
        done = build_here(msgspec.json.decode(options.build.encode())) if options.build else measure_here()
        sys.stdout.buffer.write(done)
        return 0
    size = SMALL if options.small else FULL
    from tests import postgresql

    results = {}
    with tempfile.TemporaryDirectory() as folder:
        results["SQLite"] = run(f"sqlite:///{folder}/scale.sqlite3", size)
    with postgresql.server() as url:
        results["PostgreSQL"] = run(url, size)
    report = render(results, size)
    print(report)
    if options.small:
        print("A small run: nothing here is a measurement.")
        return 0
    _DOC.write_text(report)
    return int("**over**" in report)


if __name__ == "__main__":
    sys.exit(main())
