"""The span and the filters that the address of the usage page names; what is wrong is told and left out."""

from __future__ import annotations

import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _

from ..accesses import owner_name
from ..usage.report import Wanted
from ..usage.rollup import today
from .filters import has_groups
from .period import read_day

SPANS = (7, 30, 90, 365)
#: A page shows at most so many days.
MAX_DAYS = 366


def read_wanted(request: HttpRequest, longest: int = MAX_DAYS) -> tuple[Wanted, str]:
    """The span and the filters of the address, and in words of whom or what."""
    until, since = today(), None
    for name in ("since", "until"):
        if text := request.GET.get(name, ""):
            day = read_day(text)
            if day is None:
                messages.warning(
                    request, _("“%(text)s” is not a date: it was left out.") % {"text": text[:40]}
                )
            elif name == "until":
                until = day
            else:
                since = day
    since = until - datetime.timedelta(days=29) if since is None else since
    if since > until:
        since, until = until, since
    if (until - since).days >= longest:
        since = until - datetime.timedelta(days=longest - 1)
        messages.warning(
            request, _("The span is too long: its last %(days)d days are shown.") % {"days": longest}
        )
    wanted = Wanted(since, until)
    provider, slash, model = request.GET.get("model", "").partition("/")
    if slash:
        wanted.provider, wanted.model = provider, model
    subject = wanted.model and f"{provider}/{model}"
    if (name := request.GET.get("user", "").strip()) and (user := _user(name)) is not None:
        wanted.owner = user.pk
        subject = user.get_username()
    elif name:
        messages.warning(request, _("There is no user like “%(term)s”.") % {"term": name[:80]})
    elif (key := request.GET.get("owner", "")) and (owner := _by_key(key)) is not None:
        # Also of one who is deleted: the ledger knows keys.
        wanted.owner, user = owner
        subject = owner_name(user) if user is not None else _("deleted user %(key)s") % {"key": key}
    elif has_groups() and (group := _group(request.GET.get("group", ""))) is not None:
        wanted.group, subject = group.pk, group.name
    return wanted, subject


def _user(name: str) -> Any:
    model = get_user_model()
    return model._default_manager.filter(**{model.USERNAME_FIELD: name}).first()


def _by_key(text: str) -> tuple[Any, Any] | None:
    model = get_user_model()
    try:
        key = model._meta.pk.to_python(text)
    except ValidationError:
        return None
    if isinstance(key, int) and not 0 <= key < 2**63:
        return None
    return key, model._default_manager.filter(pk=key).first()


def _group(name: str) -> Group | None:
    return Group.objects.filter(name=name[:150]).first() if name else None


def query_of(request: HttpRequest) -> str:
    """The span and the filters again, for the links of the page."""
    kept = request.GET.copy()
    for name in list(kept):
        if name not in ("since", "until", "model", "user", "owner", "group"):
            del kept[name]
    return kept.urlencode()


def spans_of(request: HttpRequest, wanted: Wanted) -> list[dict[str, Any]]:
    last = today()
    spans = []
    for days in SPANS:
        since = last - datetime.timedelta(days=days - 1)
        query = request.GET.copy()
        query["since"] = since.isoformat()
        query.pop("until", None)
        chosen = (wanted.since, wanted.until) == (since, last)
        spans.append({"days": days, "query": query.urlencode(), "chosen": chosen})
    return spans
