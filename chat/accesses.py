"""Who read what: the rows that each reading of somebody else's texts leaves, and what their owner may see."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from .models import ContentAccess, Conversation, Owner


def record(
    request: HttpRequest,
    action: ContentAccess.Action,
    conversations: Iterable[Conversation] = (),
    *,
    owner: Any = None,
    what: str = "",
    why: str = "",
) -> None:
    """Writes down that who asks is about to see texts, of each of `conversations`, or of `owner` or nobody.

    `what` is the term searched for, a list's filter or the form of the export. If this fails, nothing may be
    shown.
    """
    common: dict[str, Any] = {
        "reader_id": request.user.pk,
        "reader_name": request.user.get_username()[:254],
        "action": action,
        "what": what.replace("\0", "\ufffd")[:200],
        "why": why[:200],
        # None behind a Unix socket, where the peer has no address.
        "address": as_address(request.META.get("REMOTE_ADDR", "")),
    }
    of_each: list[dict[str, Any]] = [
        {"conversation_id": each.pk, **_named(each.owner)} for each in conversations
    ]
    if len(of_each) > 1:
        ContentAccess.objects.bulk_create(ContentAccess(**common, **fields) for fields in of_each)
    else:
        of_one = _named(owner) if owner is not None else {}
        ContentAccess.objects.create(**common, **(of_each[0] if of_each else of_one))


def _named(owner: Any) -> dict[str, Any]:
    return {"owner": owner, "owner_name": owner_name(owner)[:254]}


def only_owner(rows: Iterable[Any]) -> Any:
    """The user to whom all of the rows belong; None where there are several, or guests."""
    owners = {row.owner_id: row.owner for row in rows}
    return next(iter(owners.values())) if len(owners) == 1 else None


def of_owner(owner: Owner) -> QuerySet[ContentAccess]:
    """What others read of `owner`'s texts, the newest first; nothing for guests, whom no name outlives."""
    if owner.user_id is None:
        return ContentAccess.objects.none()
    rows: QuerySet[ContentAccess] = ContentAccess.objects.filter(owner=owner.user_id).exclude(
        reader=owner.user_id
    )
    return rows.order_by("-id")


def owner_name(owner: Any) -> str:
    """What lists call the owner of a row; guests have no name, and their session is a secret."""
    return owner.get_username() if owner is not None else _("Guest")


def as_address(term: str) -> str | None:
    """The IP address in `term`, without its zone, where it is one."""
    try:
        return str(ipaddress.ip_address(term.partition("%")[0]))
    except ValueError:
        return None
