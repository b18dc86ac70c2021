"""The console: what is being written or waits at this moment, how processes and providers do; switches."""

from __future__ import annotations

import dataclasses
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..accesses import owner_name
from ..models import LIVE, Generation
from .base import status_badge
from .pausing import PauseAdmin, names_to_pause, pauses
from .rows import with_conversation
from .standing import show_span, standing

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
    tokens: str
    rate: str
    stopping: bool


def live_generations() -> list[Any]:
    """The running and queued ones, the oldest first, at most `MAX_ROWS`."""
    # In the index's own order: else the database might look for the few live ones among all.
    live = Generation.objects.filter(status__in=LIVE).order_by("-status", "id")
    keys = list(live.values_list("pk", flat=True)[:MAX_ROWS])
    rows = Generation.objects.filter(pk__in=keys).select_related("owner", "runner").order_by("pk")
    return list(with_conversation(rows))


def _row(generation: Any, progress: dict[str, tuple[int, int]]) -> Row:
    tokens, rate = progress.get(str(generation.pk), (None, None))
    return Row(
        number=generation.pk,
        status=status_badge(generation.status),
        owner=owner_name(generation.owner),
        conversation=None if generation.temporary else generation.conversation,
        model=generation.model,
        door=generation.get_door_display(),
        age=show_span(timezone.now() - generation.created),
        process=str(generation.runner or ""),
        tokens="" if tokens is None else number_format(tokens),
        rate="" if rate is None else _("%(rate)s/s") % {"rate": number_format(rate)},
        stopping=bool(generation.stop_requested),
    )


class RunningConsole(PauseAdmin):
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
            named = {"pause", "resume"} & set(request.POST)
            return self._pause(request) if named else self._stop(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(("GET", "HEAD", "POST"))
        request.current_app = self.admin_site.name
        found = standing()
        rows = [_row(generation, found.progress) for generation in live_generations()]
        count = len(rows) if len(rows) < MAX_ROWS else Generation.objects.filter(status__in=LIVE).count()
        context = {
            "rows": rows,
            "count": count,
            "may_stop": self.has_stop_permission(request),
            "may_pause": self.has_pause_permission(request),
            "processes": found.processes,
            "providers": found.providers,
            "pauses": pauses(),
        }
        if "rows" in request.GET:
            return TemplateResponse(request, self.running_rows_template, context)
        context |= {
            **self.admin_site.each_context(request),
            "title": _("Running generations"),
            "subtitle": None,
            "opts": self.opts,
            "media": self.media,
            "names": names_to_pause() if context["may_pause"] else [],
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
