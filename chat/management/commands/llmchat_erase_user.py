"""Forgets a user."""

from __future__ import annotations

from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from ...exceptions import ChatError
from ...rights import people
from ...rights.erase import Report, compact, erase, preview


class Command(BaseCommand):
    help = (
        "Deletes all texts of a user and everything that names them; running answers are stopped first. "
        "The ledger and the record of readings keep their amounts, under a pseudonym. A legal hold refuses."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        people.add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        parser.add_argument("--no-input", action="store_false", dest="interactive", help="ask nothing")
        parser.add_argument("--delete-account", action="store_true", help="delete the site's account as well")
        parser.add_argument(
            "--no-compact",
            action="store_false",
            dest="compact",
            help="leave the bytes of what was deleted in the database's files until it reuses them",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        person, account = people.find(options)
        try:
            plan = preview(person)
            if options["dry_run"]:
                self._tell(plan, "would be ")
                return
            if options["interactive"]:
                self._tell(plan, "will be ")
                if input("Type 'yes' to erase them for good: ") != "yes":
                    raise CommandError("Nothing was erased.")
            report = erase(person)
        except ChatError as error:
            raise CommandError(str(error)) from error
        if options["delete_account"] and account is not None:
            account.delete()
        if options["compact"]:
            compact()
        self._tell(report, "")
        self.stdout.write(f"What is left of the amounts stands under {report.pseudonym}.")
        self.stdout.write("Backups and logs of the server are not ours to reach; see docs/operations.md.")

    def _tell(self, report: Report, how: str) -> None:
        self.stdout.write(f"{report.stopped:>8} running answers {how}stopped")
        for done, counts in (("deleted", report.deleted), ("given a pseudonym", report.renamed)):
            for name, count in sorted(counts.items()):
                if count:
                    self.stdout.write(f"{count:>8} {name} {how}{done}")
