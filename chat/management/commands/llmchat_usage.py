"""`manage.py llmchat_usage`: sums up the ledger's days for the charts; `--rebuild` makes all sums anew."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ...usage import rollup


class Command(BaseCommand):
    help = "Sums up the days of the usage ledger that are over. Running sites do it by themselves."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rebuild", action="store_true", help="forget all sums and make them anew")

    def handle(self, *args: Any, **options: Any) -> None:
        days = rollup.rebuild() if options["rebuild"] else rollup.catch_up()
        self.stdout.write(f"Days summed up: {days}")
