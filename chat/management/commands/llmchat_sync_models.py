from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ...conf import settings
from ...engine import discovery
from ...upstream.errors import UpstreamError


class Command(BaseCommand):
    help = "Asks the providers which models they have, and enters them into the catalogue."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("providers", nargs="*", help="names of LLMCHAT['PROVIDERS']; none: all of them")
        parser.add_argument("--enable", action="store_true", help="offer new models to users at once")

    def handle(self, *args: Any, providers: list[str], enable: bool, **options: Any) -> None:
        if unknown := [alias for alias in providers if alias not in settings.PROVIDERS]:
            raise CommandError(f"There is no provider {unknown[0]!r} in the settings.")
        failed = []
        for alias in providers or settings.PROVIDERS:
            try:
                listed = async_to_sync(discovery.ask_for_models)(alias)
            except UpstreamError as error:
                failed.append(alias)
                self.stderr.write(f"{alias}: {discovery.explain(error)}")
                continue
            found = discovery.enter(alias, listed, enable=enable)
            self.stdout.write(f"{alias}: {found.listed} listed, {len(found.new)} new, {len(found.gone)} gone")
        if failed:
            raise CommandError(f"Not reached: {', '.join(failed)}.")
