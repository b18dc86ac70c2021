"""The console: what is being written or waits at this moment, and the button that ends it."""

from __future__ import annotations

import dataclasses
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..models import LIVE, Generation, JournalChunk
from .base import ReadOnlyAdmin, owner_name, status_badge
from .rows import with_conversation

#: What one page shows; the oldest come first, and the count tells of the rest.
MAX_ROWS = 500


@dataclasses.dataclass
class Row:
    """One live generation in words."""

    number: int
    status: SafeString
    owner: str
    conversation: UUID | None
    model: str
    door: str
    age: str
    process: str
    frames: str
    stopping: bool


def live_generations() -> QuerySet[Any]:
    """The queued and running ones, the oldest first, with `conversation`, `temporary` and `frames`."""
    written = JournalChunk.objects.filter(generation=OuterRef("pk")).order_by("-first_n")
    live = Generation.objects.filter(status__in=LIVE).select_related("owner", "runner").order_by("pk")
    frames = Subquery(written.values("last_n")[:1])
    rows: QuerySet[Any] = with_conversation(live).annotate(frames=frames)
    return rows


def _row(generation: Any) -> Row:
    seconds = max(0, int((timezone.now() - generation.created).total_seconds()))
    minutes, seconds = divmod(seconds, 60)
    age = _("%(seconds)d s") if not minutes else _("%(minutes)d min %(seconds)d s")
    return Row(
        number=generation.pk,
        status=status_badge(generation.status),
        owner=owner_name(generation.owner),
        conversation=None if generation.temporary else generation.conversation,
        model=generation.model,
        door=generation.get_door_display(),
        age=age % {"minutes": minutes, "seconds": seconds},
        process=str(generation.runner or ""),
        frames=number_format(generation.frames or 0),
        stopping=bool(generation.stop_requested),
    )


class RunningConsole(ReadOnlyAdmin[Generation]):
    """Adds `running/` to the admin of generations. To see it takes view, to stop takes change permission."""

    running_template = "admin/llmchat/running.html"
    running_rows_template = "admin/llmchat/running_rows.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.running_view)
        return [path("running/", view, name="llmchat_generation_running"), *super().get_urls()]

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("llmchat.change_generation")

    def running_view(self, request: HttpRequest) -> HttpResponse:
        """GET lists, POST stops. With `?rows` comes the table alone, without the messages of other pages."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._stop(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(("GET", "HEAD", "POST"))
        request.current_app = self.admin_site.name
        rows = [_row(generation) for generation in live_generations()[:MAX_ROWS]]
        count = len(rows) if len(rows) < MAX_ROWS else live_generations().count()
        context = {"rows": rows, "count": count, "may_stop": self.has_stop_permission(request)}
        if "rows" in request.GET:
            return TemplateResponse(request, self.running_rows_template, context)
        context |= {
            **self.admin_site.each_context(request),
            "title": _("Running generations"),
            "subtitle": None,
            "opts": self.opts,
            "media": self.media,
        }
        return TemplateResponse(request, self.running_template, context)

    def _stop(self, request: HttpRequest) -> HttpResponse:
        if not self.has_stop_permission(request):
            raise PermissionDenied
        # The button of one row stops that row, whatever else is ticked.
        named = request.POST.getlist("only") or request.POST.getlist("generation")
        keys = [int(key) for key in named[:MAX_ROWS] if key.isascii() and key.isdecimal() and len(key) < 19]
        live = Generation.objects.filter(pk__in=keys, status__in=LIVE)
        if found := list(live):
            from ..engine.stopping import request_stop

            request_stop([generation.pk for generation in found], reason="admin")
            LogEntry.objects.log_actions(
                user_id=cast("int", request.user.pk),
                queryset=found,
                action_flag=CHANGE,
                change_message=_("Stopped by the operator."),
            )
        text = ngettext("%d generation is being stopped.", "%d generations are being stopped.", len(found))
        messages.success(request, text % len(found))
        return HttpResponseRedirect(
            reverse("admin:llmchat_generation_running", current_app=self.admin_site.name)
        )
