"""`api/search/?q=`: where somebody has read or written that before."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from .. import search as index
from ..exceptions import Refused
from ..search.query import MAX_CHARS
from .doors import json_response, owner_of, refusing


@require_safe
@refusing
def search(request: HttpRequest) -> HttpResponse:
    """The owner's conversations with `q` in title or messages, newest first, twenty a page.

    Texts come as pieces: `[["the end of a ", false], ["long", true], [" story", false]]`.
    """
    owner = owner_of(request)
    asked = request.GET.get("q", "")
    before = request.GET.get("before", "")
    if len(asked) > MAX_CHARS or "\0" in asked or (before and not (before.isdecimal() and len(before) < 19)):
        raise Refused("bad_frame")
    page = index.find(asked, owner, before=int(before) if before else None)
    following = None
    if page.before is not None:
        following = f"{reverse('llmchat:api_search')}?{urlencode({'q': asked, 'before': page.before})}"
    return json_response({"results": page.hits, "next": following})
