"""What the operator is told by mail and by signal: rarely, and never from the thread that found out."""

from __future__ import annotations

import datetime
import logging
import threading
from typing import Any

from django.core.cache import cache
from django.core.mail import mail_admins
from django.db import connections, transaction
from django.utils.translation import gettext as _

from .. import signals
from ..models import Budget
from ..models.limits import in_units

#: Seconds for which other processes need not tell of the same outage.
OUTAGE_SECONDS = 3600
logger = logging.getLogger("llmchat.alerts")


def budget_is_low(budget: Budget, used: int, resets_at: datetime.datetime | None) -> None:
    """A budget of the whole site is nearly used up; told when the present transaction is committed."""
    amount = in_units(budget.measure, used)
    subject = _("Chat: the site's budget is nearly used up")
    body = _("%(used)s of %(budget)s are used. The budget is renewed at %(when)s.") % {
        "used": amount,
        "budget": budget,
        "when": resets_at,
    }
    arguments = {"budget": budget.pk, "used": amount, "limit": budget.limit, "resets_at": resets_at}
    transaction.on_commit(lambda: tell(signals.budget_low, Budget, arguments, subject, body))


class ProviderWatch:
    """Tells of providers that are down, once for each outage; of processes that share a cache, one tells."""

    def __init__(self) -> None:
        self._down: set[str] = set()

    def look(self, circuits: list[dict[str, Any]]) -> None:
        """Takes the figures of a process's health; those of single models say nothing of a provider."""
        providers = [row for row in circuits if "/" not in row["name"]]
        down = {row["name"]: row["error"] for row in providers if row["state"] != "closed"}
        for name in sorted(down.keys() - self._down):
            if cache.add(f"llmchat:down:{name}", True, OUTAGE_SECONDS):
                provider_is_down(name, down[name])
        for name in self._down - down.keys():
            cache.delete(f"llmchat:down:{name}")
        self._down = set(down)


def provider_is_down(provider: str, code: str) -> None:
    """A provider has failed so often that it is not asked any more for a while."""
    subject = _("Chat: the provider “%(provider)s” is down") % {"provider": provider}
    body = _("It fails with %(code)s. It is asked again by itself; this is told once for each outage.") % {
        "code": code
    }
    tell(signals.provider_down, None, {"provider": provider, "error_code": code}, subject, body)


def tell(signal: Any, sender: Any, arguments: dict[str, Any], subject: str, body: str) -> None:
    """Sends the signal, then the mail, in a thread of its own: a mail server may be slow."""
    logger.warning("%s", subject)
    thread = threading.Thread(
        target=_tell, args=(signal, sender, arguments, subject, body), name="llmchat-alert"
    )
    thread.daemon = True
    thread.start()


def _tell(signal: Any, sender: Any, arguments: dict[str, Any], subject: str, body: str) -> None:
    try:
        signal.send_robust(sender=sender, **arguments)
        mail_admins(subject, body)
    except Exception:
        logger.exception("the administrators could not be told")
    finally:
        connections.close_all()
