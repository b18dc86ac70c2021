"""Everything that is known of a user, as JSON."""

from __future__ import annotations

import os
import stat
from typing import Any, TextIO

from django.core.management import BaseCommand, CommandError, CommandParser

from ...rights import people
from ...rights.export import export


def _own_file(path: str) -> TextIO:
    """A file to write to that nobody else can read, also where it was there before. Raises CommandError."""
    try:
        # Not through a link: what it leads to would be overwritten, and stay its readers'.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        # Not a device, which is everybody's.
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, 0o600)
            os.ftruncate(descriptor, 0)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
    return open(descriptor, "w", encoding="utf-8")


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
        with _own_file(options["output"]) as file:
            counts = export(person, people.describe(account), file)
        for name, count in counts.items():
            self.stdout.write(f"{count:>8} {name}")
