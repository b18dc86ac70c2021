"""Signals of the app. All are sent with `send_robust`, after the commit, outside any transaction."""

from __future__ import annotations

from django.dispatch import Signal

#: A generation was accepted. Arguments: generation (its id), message (uuid), conversation (uuid).
generation_started = Signal()

#: A generation reached its one end. Arguments: generation, message, conversation, status, error_code.
generation_ended = Signal()
