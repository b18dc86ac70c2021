"""Every list of the admin, each of its filters, the searches, page 100, a transcript and the charts."""

from __future__ import annotations

import datetime
import statistics
import time
from typing import Any

import msgspec
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat.models import Conversation, Generation

from . import MAX_MS, MAX_QUERIES
from .build import ABSENT, FREQUENT, RARE


class Page(msgspec.Struct):
    """One page as it was measured; milliseconds, the median and the slowest of some rounds."""

    name: str
    address: str
    queries: int
    median_ms: float
    slowest_ms: float
    #: Of this process alone, the median: what the page takes where nothing else wants the processor.
    cpu_ms: float
    status: int

    @property
    def holds(self) -> bool:
        return self.status == 200 and self.median_ms < MAX_MS and self.queries <= MAX_QUERIES


def pages() -> dict[str, str]:
    """What is opened, by a name for the report."""
    today = timezone.localdate()
    month = (today - datetime.timedelta(days=30)).isoformat()
    past = (today - datetime.timedelta(days=200)).isoformat()
    user = User.objects.order_by("pk").filter(username__startswith="user")[7]
    group = Group.objects.order_by("pk")[0]
    conversation = Conversation.objects.order_by("-updated")[0]
    failed = Generation.objects.filter(status="error").order_by("-pk")[0]
    lists = {
        "conversation": {
            "all": "",
            "page 100": "p=100",
            "past 30 days": f"since={month}",
            "one day of last spring": f"since={past}&until={past}",
            "user": f"user={user.username}",
            "users like": "user=user00",
            "group": f"group={group.pk}",
            "status complete": "status=complete",
            "status error": "status=error",
            "status running (none)": "status=running",
            "error code": "error=upstream_timeout",
            "error code (none)": "error=internal",
            "feedback bad": "feedback=bad",
            "model": "model=large",
            "model that is not there": "model=never",
            "group, error and month": f"group={group.pk}&error=any&since={month}",
            "search: a rare word": f"q={RARE}",
            "search: a word in 10 % of the rows": f"q={FREQUENT}",
            "search: an absent word": f"q={ABSENT}",
            "search: a phrase": "q=%22old+trains%22",
            "search: two words": f"q={FREQUENT}+v4711",
            "search: an owner": f"q={user.username}",
            "search with a filter": f"q={FREQUENT}&status=error",
        },
        "generation": {
            "all": "",
            "page 100": "p=100",
            "one day of last spring": f"since={past}&until={past}",
            "user": f"user={user.username}",
            "status error": "status__exact=error",
            "status running (none)": "status__exact=running",
            "model": "model=large",
            "door": "door__exact=api",
            "door (none)": "door__exact=python",
            "error code": "error=upstream_timeout",
            "error code (none)": "error=internal",
            "search: an owner": f"q={user.username}",
            "search: a reference": f"q={failed.reference}",
            "search: an absent word": f"q={ABSENT}",
        },
        "usagerecord": {
            "all": "",
            "page 100": "p=100",
            "one day of last spring": f"since={past}&until={past}",
            "user": f"user={user.username}",
            "error code": "error=upstream_timeout",
        },
        "feedback": {
            "all": "",
            "page 100": "p=100",
            "to do": "state=open",
            "bad": "rating__exact=-1",
            "user": f"user={user.username}",
            "handled (none)": "state=handled",
        },
        "contentaccess": {
            "all": "",
            "page 100": "p=100",
            "action": "action=read",
            "one day of last spring": f"since={past}&until={past}",
            "search: a reader": f"q={user.username}",
            "search: an absent name": f"q={ABSENT}",
        },
        "apikey": {"all": ""},
        "runner": {"all": ""},
    }
    found = {
        f"{model}: {name}": f"/admin/llmchat/{model}/?{query}"
        for model, queries in lists.items()
        for name, query in queries.items()
    }
    usage = "/admin/llmchat/usagerecord/usage/"
    year = (today - datetime.timedelta(days=364)).isoformat()
    return found | {
        "transcript": f"/admin/llmchat/conversation/{conversation.pk}/change/",
        "console": "/admin/llmchat/generation/running/",
        "usage: 30 days": usage,
        "usage: a year": f"{usage}?since={year}",
        "usage: a user's year": f"{usage}?owner={user.pk}&since={year}",
        "usage: a group": f"{usage}?group={group.name}&since={month}",
        "usage: a model's year": f"{usage}?model=default/large&since={year}",
    }


def measure(client: Client, rounds: int = 5) -> list[Page]:
    """Opens each page once to warm it up, then `rounds` times."""
    found = []
    for name, address in pages().items():
        client.get(address)
        with CaptureQueriesContext(connection) as captured:
            response: Any = client.get(address)
            queries = len(captured)
        times, spent = [], []
        for _ in range(rounds):
            began, worked = time.perf_counter(), time.process_time()
            client.get(address)
            spent.append((time.process_time() - worked) * 1000)
            times.append((time.perf_counter() - began) * 1000)
        median = round(statistics.median(times), 1)
        found.append(
            Page(
                name,
                address,
                queries,
                median,
                round(max(times), 1),
                round(statistics.median(spent), 1),
                response.status_code,
            )
        )
    return found


def row_counts(client: Client) -> dict[str, tuple[int, int]]:
    """The queries of each list with 10 rows on the page and with 100."""
    from django.contrib import admin

    found = {}
    for model, model_admin in admin.site._registry.items():
        if model._meta.label_lower in (
            *("llmchat.conversation", "llmchat.generation", "llmchat.usagerecord"),
            *("llmchat.feedback", "llmchat.contentaccess"),
        ):
            counts = []
            for rows in (10, 100):
                vars(model_admin)["list_per_page"] = rows
                with CaptureQueriesContext(connection) as captured:
                    client.get(f"/admin/llmchat/{model._meta.model_name}/")
                    counts.append(len(captured))
            del vars(model_admin)["list_per_page"]
            found[str(model._meta.model_name)] = (counts[0], counts[1])
    return found
