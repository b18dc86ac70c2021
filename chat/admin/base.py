"""What all lists of the app have in common: they show, and tell no text to whom texts are hidden."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from ..accesses import only_owner, record
from ..accesses import owner_name as owner_name
from ..conf import settings
from ..models import ContentAccess, Conversation, Status
from .paginator import CappedPaginator

M = TypeVar("M", bound=Model)

if TYPE_CHECKING:
    from decimal import Decimal

    _ModelAdmin = admin.ModelAdmin
else:

    class _ModelAdmin(admin.ModelAdmin):
        """Django's, subscriptable: only the type checker knows its parameter."""

        def __class_getitem__(cls, model: object) -> type:
            return cls


#: The parameters of the filter by time; see `period.py`.
PERIOD = ("since", "until")
#: The parameters that leave what is one user's.
USER = ("owner", "user")
#: Where a session keeps why its user reads; see `reason.py`.
reason_key = "llmchat_reason"


def is_reader(request: HttpRequest) -> bool:
    """Whether who asks has the permission to read texts."""
    return request.user.has_perm("llmchat.view_content")


def reason_of(request: HttpRequest) -> str:
    """Why who asks reads, as they said less than a quarter of an hour ago; empty where they did not."""
    kept = getattr(request, "session", {}).get(reason_key, {})
    return str(kept["why"]) if kept and kept.get("until", 0) > time.time() else ""


def may_read(request: HttpRequest) -> bool:
    """Whether texts, and all that derives from them, may be shown to who asks."""
    return is_reader(request) and (not settings.ACCESS_REASON_REQUIRED or bool(reason_of(request)))


def record_list(request: HttpRequest, rows: list[Any], *what: str) -> None:
    """Writes down that texts in a list are about to be seen: one row, with the user if all are of one."""
    owner = only_owner(rows)
    filtered = owner is not None and any(name.split("__")[0] in USER for name in request.GET)
    shown = " ".join((*what, *((f"user={owner_name(owner)}",) if filtered else ())))
    record(request, ContentAccess.Action.LISTED, owner=owner, what=shown, why=reason_of(request))


class ReadOnlyAdmin(_ModelAdmin[M]):
    """Shows rows; nobody adds, changes or deletes any. Quick with a million of them."""

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 200
    #: Fields one may filter by in the address without a filter at the side.
    linked_filters: tuple[str, ...] = ()

    class Media:
        css = {  # noqa: RUF012 -- the form Django reads
            "all": ("llmchat/tokens.css", "llmchat/messages.css", "llmchat/admin/admin.css"),
            "print": ("llmchat/print.css",),
        }

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {"title": self.list_title, **(extra_context or {})})

    @property
    def list_title(self) -> str:
        """What stands above the list."""
        return str(capfirst(self.opts.verbose_name_plural))

    def gone(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What Django says of an address that leads nowhere."""
        # Its own method, which the stubs do not know.
        answer: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        return answer

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what a filter offers: Django would let `?title__startswith=` find out a hidden text."""
        allowed = {*self.linked_filters, *PERIOD}
        for item in self.list_filter:
            name = item[0] if isinstance(item, tuple) else getattr(item, "parameter_name", item)
            allowed.add(str(name))
        return lookup.split("__")[0] in allowed and super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]  # None only from Django < 6


def conversation_name(conversation: Conversation, *, readable: bool) -> str:
    """The title where the reader may know it, else a name that says nothing of it."""
    return (conversation.title or _("Untitled")) if readable else str(conversation)


def status_badge(status: str) -> SafeString:
    """A status as a small coloured word; empty for none."""
    if not status:
        return SafeString("")
    return format_html(
        '<span class="llmchat llmchat-status" data-status="{}">{}</span>', status, Status(status).label
    )


def show_time(moment: datetime) -> SafeString:
    """Date and time, short, in the reader's own format and time zone."""
    local = timezone.localtime(moment)
    shown = date_format(local, "SHORT_DATETIME_FORMAT")
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), shown)


def show_age(moment: datetime) -> SafeString:
    """How long ago something was, with the exact time where the pointer rests."""
    local = timezone.localtime(moment)
    shown = _("%(age)s ago") % {"age": timesince(moment, depth=1)}
    exact = date_format(local, "DATETIME_FORMAT")
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), exact, shown)


def show_cost(cost: Decimal | None) -> str:
    """An amount with four decimals, or as many as it takes to see that it is not nothing."""
    if cost is None:
        return ""
    return number_format(cost, 4 if not cost or cost >= 0.0001 else 9)


def show_seconds(milliseconds: int | None) -> str:
    """`1.2 s`; empty for None."""
    if milliseconds is None:
        return ""
    return _("%(seconds)s s") % {"seconds": number_format(milliseconds / 1000, 1)}
