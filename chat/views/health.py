"""`healthz`: whether this process can serve."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from ..conf import settings
from ..engine.running import runners
from .doors import json_response, outside_transactions

CONNECT_SECONDS = 3.0


@outside_transactions
@require_safe
async def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the process serves, 503 while it drains; `?deep=1` also asks database and upstream."""
    # Not `runner_here`: under WSGI every request has a loop of its own, which must not begin to beat.
    alive = runners()
    draining = bool(alive) and all(runner.draining for runner in alive)
    report: dict[str, object] = {"status": "draining" if draining else "ok"}
    healthy = not draining
    if request.GET.get("deep") == "1":
        database = await sync_to_async(_database)()
        providers = {
            alias: await _upstream(provider.BASE_URL) for alias, provider in settings.PROVIDERS.items()
        }
        report |= {"database": database, "live_log": True, "upstream": providers}
        for runner in alive:
            report |= runner.figures()
        healthy = healthy and database
    return json_response(report, 200 if healthy else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception:
        return False
    return True


async def _upstream(base_url: str) -> bool:
    """Whether somebody listens there; a request would cost money at some providers."""
    url = urlsplit(base_url)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(
                url.hostname, url.port or (443 if url.scheme == "https" else 80)
            )
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
