"""How long the engine's transactions wait for somebody else's row lock."""

from __future__ import annotations

from django.db import connection

LOCK_TIMEOUT = "2s"
#: Of the end of an answer: the others of a process that stops have to get theirs within its checkpoint.
END_LOCK_TIMEOUT = "1s"


def wait_briefly(timeout: str = LOCK_TIMEOUT) -> None:
    """Bounds lock waits in the present transaction: who is refused tries again, and others go first.

    All writes of a process share one thread; a host's long transaction on one row must not hold up the
    journal of all. Raises nothing; a wait that is too long becomes an OperationalError. SQLite's busy
    timeout does the same there.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{timeout}'")
