"""Everything that is known of a user, as JSON."""

from __future__ import annotations

import os
from typing import Any

from django.core.management import BaseCommand, CommandParser

from ...rights import people
from ...rights.export import export


class Command(BaseCommand):
    help = "Writes everything that the chat knows of a user as JSON, to a file that only you can read."

    def add_arguments(self, parser: CommandParser) -> None:
        people.add_arguments(parser)
        parser.add_argument("--output", metavar="FILE", help="default: the standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        person, account = people.find(options)
        if not options["output"]:
            self.stdout.ending = ""
            export(person, people.describe(account), self.stdout)
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with open(os.open(options["output"], flags, 0o600), "w", encoding="utf-8") as file:
            counts = export(person, people.describe(account), file)
        for name, count in counts.items():
            self.stdout.write(f"{count:>8} {name}")
