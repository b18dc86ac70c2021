"""`api/limits/`: what is left of the budgets of who asks, and when they are renewed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from ..engine.budgets import standings
from ..models.limits import WARN_AT
from .doors import json_response, owner_of, refusing


@require_safe
@refusing
def limits(request: HttpRequest) -> HttpResponse:
    """All budgets that hold for the user; none: nothing is limited."""
    rows = standings(owner_of(request), request.user)
    return json_response({"results": rows, "warn_at": WARN_AT})
