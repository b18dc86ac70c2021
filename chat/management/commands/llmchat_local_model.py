from __future__ import annotations

import os
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ... import local_model


class Command(BaseCommand):
    help = "Serves a tiny local language model on loopback, OpenAI-compatible, until interrupted."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=local_model.DEFAULT_PORT, help="0 picks a free one")
        parser.add_argument(
            "--max-tokens", type=int, default=local_model.MAX_ANSWER_TOKENS, help="of the longest answer"
        )
        parser.add_argument(
            "--with-parent", action="store_true", help="end also when the process that started this one ends"
        )

    def handle(self, *args: Any, port: int, max_tokens: int, with_parent: bool, **options: Any) -> None:
        parent = os.getppid()
        try:
            server = local_model.serve(port, max_tokens)
        except local_model.LocalModelUnavailable as error:
            raise CommandError(
                f"The local model cannot run here: {error}. Set OPENAI_BASE_URL and OPENAI_API_KEY "
                "to use any OpenAI-compatible service instead."
            ) from error
        except RuntimeError as error:
            raise CommandError(f"The local model did not start on port {port}: {error}") from error
        ended = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        # Ctrl-C reaches the parent as well, whose running answers need the model for a little longer.
        signal.signal(signal.SIGINT, signal.SIG_IGN if with_parent else lambda *_: ended.set())
        self.stdout.write(f"{local_model.MODEL_ID} at {server.listening_address}/v1")
        self.stdout.flush()
        while not ended.wait(1):
            if with_parent and os.getppid() != parent:
                break
