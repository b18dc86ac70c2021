"""`api/presets/`: what a new conversation can begin with."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from ..models import Preset
from .doors import json_response, owner_of, refusing

#: Nobody chooses among more.
MOST = 200


@require_safe
@refusing
def presets(request: HttpRequest) -> HttpResponse:
    """The presets that are offered to the user; `send.preset` takes the id of one."""
    owner_of(request)
    rows = Preset.objects.for_user(request.user)[:MOST]
    return json_response({"results": [_preset(row) for row in rows]})


def _preset(row: Preset) -> dict[str, Any]:
    # The prompt is the operator's.
    return {
        "id": row.pk,
        "name": row.name,
        "description": row.description,
        "model": row.model,
        "options": row.options,
    }
