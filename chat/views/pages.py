"""The chat's own pages: the same page, with or without a conversation open."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ..models import Conversation
from ..policy import get_policy


@require_safe
@never_cache
def index(request: HttpRequest) -> HttpResponse:
    """An empty chat and the list of conversations."""
    return _page(request, None)


@require_safe
@never_cache
def conversation(request: HttpRequest, conversation: UUID) -> HttpResponse:
    """The chat with a conversation open; 404, and a page that says so, where it is not the user's."""
    return _page(request, conversation)


def _page(request: HttpRequest, conversation: UUID | None) -> HttpResponse:
    if not get_policy().may_chat(request.user):
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.get_full_path())
    status = 200
    if conversation is not None:
        exists = Conversation.objects.for_user(request.user).filter(pk=conversation).exists()
        status = 200 if exists else 404
    return render(request, "llmchat/chat.html", {"conversation": conversation}, status=status)
