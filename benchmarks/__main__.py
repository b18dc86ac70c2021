"""`python -m benchmarks`: measures, prints tables, and fails when a bound does not hold."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import machine
from .plan import FULL, QUICK
from .report import publish, render, save
from .results import report
from .rounds import run
from .servers import ALL, installed

_ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that it works; its figures say nothing")
    parser.add_argument("--json", type=Path, default=_ROOT / "var" / "benchmarks.json", help="where to")
    parser.add_argument("--publish", action="store_true", help="also write the figures into docs/")
    options = parser.parse_args()
    servers = installed()
    for server in ALL:
        if server not in servers:
            print(f"not measured: {server.title}; see benchmarks/requirements.txt", file=sys.stderr)
    plan = QUICK if options.quick else FULL
    done = report(machine.describe(), plan, run(plan, servers))
    save(done, options.json)
    if options.publish:
        publish(done, _ROOT / "docs")
    print(render(done))
    if options.quick:
        print("A quick run: nothing here is a measurement.")
        return 0
    return 0 if all(bound.holds for bound in done.bounds) else 1


if __name__ == "__main__":
    sys.exit(main())
