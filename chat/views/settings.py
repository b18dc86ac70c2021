"""The settings page: what people set for themselves, see of themselves, take with them and delete."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from .pages import asking


@require_safe
@never_cache
@asking
def settings(request: HttpRequest) -> HttpResponse:
    """The page; what is on it is read and changed by its script."""
    return render(request, "llmchat/settings.html")
