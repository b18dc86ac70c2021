"""Deletes what is kept no longer: by retention rules, and what has expired."""

from __future__ import annotations

from typing import Any

from django.core.management import BaseCommand, CommandParser

from ...rights.chunks import delete_conversations
from ...rights.retention import due, keys_of


class Command(BaseCommand):
    help = (
        "Deletes conversations whose time is over by the retention rules, in chunks of at most 50 ms. "
        "Held ones and those with a running answer stay. To be run once a day."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = due()
        if options["dry_run"]:
            self.stdout.write(f"{rows.count()} conversations would be deleted.")
            return
        toll = delete_conversations(keys_of(rows))
        self.stdout.write(f"Deleted: {toll}.")
        if toll.chunks:
            self.stdout.write(
                f"{toll.chunks} transactions; the longest took {toll.longest * 1000:.0f} ms, "
                f"none needed the processor for more than {toll.busiest * 1000:.0f} ms."
            )
        if toll.left:
            self.stderr.write(f"{toll.left} were written to meanwhile and stay until the next time.")
