"""Why somebody reads: asked before texts are shown, where the site wants to know."""

from __future__ import annotations

import time
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from ..conf import settings
from .base import M, ReadOnlyAdmin, is_reader, reason_key, reason_of

#: Seconds for which one reason holds.
HOLDS = 15 * 60
MIN_CHARS = 3


class ReasonAdmin(ReadOnlyAdmin[M]):
    """Adds `reason/`, where a reader says why; the reason goes into every row that their reading leaves."""

    def get_urls(self) -> list[URLPattern]:
        name = f"llmchat_{self.opts.model_name}_reason"
        return [path("reason/", self.admin_site.admin_view(self.reason_view), name=name), *super().get_urls()]

    def reason_context(self, request: HttpRequest) -> dict[str, Any]:
        """What `reason.html` needs; empty when nothing has to be asked."""
        if not (settings.ACCESS_REASON_REQUIRED and is_reader(request) and not reason_of(request)):
            return {}
        return {
            "reason_url": reverse(
                f"admin:llmchat_{self.opts.model_name}_reason", current_app=self.admin_site.name
            ),
            "reason_next": request.get_full_path(),
        }

    def reason_view(self, request: HttpRequest) -> HttpResponse:
        """POST keeps the reason for a quarter of an hour and leads back."""
        if not is_reader(request) or not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(("POST",))
        why = " ".join(request.POST.get("why", "").split())[:200]
        if len(why) < MIN_CHARS:
            messages.error(request, _("Please say in a few words why you need to read this."))
        else:
            request.session[reason_key] = {"why": why, "until": time.time() + HOLDS}
        back = request.POST.get("next", "")
        if not url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
            back = reverse(
                f"admin:llmchat_{self.opts.model_name}_changelist", current_app=self.admin_site.name
            )
        return HttpResponseRedirect(back)
