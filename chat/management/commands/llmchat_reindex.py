from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from ... import search


class Command(BaseCommand):
    help = "Builds the search index anew from all titles and messages. Answers and searches go on meanwhile."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{search.rebuild()} texts can be found.")
