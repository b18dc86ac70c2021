"""`api/accesses/`: what others read of the user's texts, where the site tells."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from ..accesses import of_owner
from ..conf import settings
from ..exceptions import Refused
from ..models import Conversation
from .doors import json_response, owner_of, refusing

PAGE = 50


@require_safe
@refusing
def accesses(request: HttpRequest) -> HttpResponse:
    """The newest 50 readings; `?before=<id>` goes on below. Not found unless `TELL_READERS` is on."""
    owner = owner_of(request)
    if not settings.TELL_READERS:
        raise Refused("not_found")
    rows = of_owner(owner)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdecimal() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    page = list(rows[: PAGE + 1])
    mine = Conversation.objects.for_owner(owner).filter(pk__in=[row.conversation_id for row in page[:PAGE]])
    titles: dict[UUID | None, str] = dict(mine.values_list("pk", "title"))
    return json_response(
        {
            "results": [
                {
                    "id": row.pk,
                    "at": row.at,
                    "reader": row.reader_name,
                    "action": row.action,
                    "label": row.label,
                    "why": row.why,
                    # Null when it is no longer there.
                    "conversation": row.conversation_id if row.conversation_id in titles else None,
                    "title": titles.get(row.conversation_id, ""),
                }
                for row in page[:PAGE]
            ],
            "before": page[PAGE - 1].pk if len(page) > PAGE else None,
        }
    )
