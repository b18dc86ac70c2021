"""The chat's own pages: the same page, with or without a conversation open."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ..exceptions import Refused
from ..models import Conversation
from ..sessions import SignedOut
from .doors import owner_of

P = ParamSpec("P")


def asking(
    page: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """A page for those who may chat: others are asked to sign in, or told that they may not."""

    @functools.wraps(page)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            owner_of(request)
        except SignedOut:
            return redirect_to_login(request.get_full_path())
        except Refused as refused:
            raise PermissionDenied from refused
        return page(request, *args, **kwargs)

    return wrapped


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


@asking
def _page(request: HttpRequest, conversation: UUID | None) -> HttpResponse:
    mine = Conversation.objects.for_owner(owner_of(request))
    known = conversation is None or mine.filter(pk=conversation).exists()
    context = {"conversation": conversation}
    return render(request, "llmchat/chat.html", context, status=200 if known else 404)
