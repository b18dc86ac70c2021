"""What holds for all views of the app."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from django.db import connections
from django.test import AsyncClient
from django.urls import URLPattern

from chat.urls import urlpatterns

ASYNC = [pattern for pattern in urlpatterns if inspect.iscoroutinefunction(inspect.unwrap(pattern.callback))]


@pytest.mark.parametrize("pattern", ASYNC, ids=lambda pattern: str(pattern.pattern))
def test_no_async_view_takes_part_in_atomic_requests(pattern: URLPattern) -> None:
    """Django answers it with an error otherwise."""
    callback: Any = pattern.callback
    assert getattr(callback, "_non_atomic_requests", set()) >= set(connections)


def test_there_are_async_views() -> None:
    assert len(ASYNC) >= 9


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/v1/models", 401), ("/v1/nowhere", 404)])
async def test_with_atomic_requests_the_async_doors_answer(
    path: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    assert (await AsyncClient(raise_request_exception=False).get(path)).status_code == status
