"""How the operator's pages look: light and dark, on a desktop and on a phone, and nothing to complain of.

`make screenshots` keeps the pictures in docs/images/.
"""

from __future__ import annotations

import datetime
import os
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.utils import timezone
from playwright.sync_api import Browser, sync_playwright
from pytest_django.live_server_helper import LiveServer

from chat.models import Conversation, Feedback, Generation, Message, Role, Runner, Status, UsageRecord
from tests import chromium

from .conftest import Aside, begin, client_of, converse, run, say

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).resolve().parent.parent.parent
ANSWER = """\
It does rise with yeast: with **wild** yeast, which lives in the flour and in your kitchen.

1. The yeast turns sugar into carbon dioxide and alcohol.
2. Lactic bacteria beside it make the acid, and the taste.

| | packet | starter |
|---|---|---|
| rises in | 1 to 2 hours | 4 to 12 hours |
"""
PEOPLE = ("ada", "grace", "alan", "katherine", "edsger", "barbara")
MODELS = (("openai", "gpt-5-mini"), ("anthropic", "claude-sonnet"), ("local", "llama3.2"))


@pytest.fixture
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright, chromium_path)
        yield browser
        browser.close()


def _ledger(people: list[User]) -> None:
    chance = random.Random(7)
    rows: list[UsageRecord] = []
    for day in range(60):
        moment = timezone.now() - datetime.timedelta(days=day)
        for _ in range(20 + (15 if moment.weekday() < 5 else 0) + (59 - day) // 3):
            provider, model = chance.choices(MODELS, (6, 3, 2))[0]
            failed = chance.random() < 0.03
            first = round(chance.lognormvariate(6.3, 0.5))
            written = chance.randint(60, 900)
            rows.append(
                UsageRecord(
                    generation_id=len(rows) + 1,
                    owner=chance.choices(people, range(len(people), 0, -1))[0],
                    door="web",
                    provider=provider,
                    model=model,
                    attempt=1,
                    status=Status.ERROR if failed else Status.COMPLETE,
                    error_code="upstream_timeout" if failed else "",
                    prompt_tokens=chance.randint(200, 4000),
                    completion_tokens=0 if failed else written,
                    cost=None if provider == "local" else Decimal(written) / 40_000,
                    first_token_ms=None if failed else first,
                    total_ms=first + written * chance.randint(10, 25),
                    at=moment,
                )
            )
    field = UsageRecord._meta.get_field("at")
    field.auto_now_add = False  # so that the past can be written
    try:
        UsageRecord.objects.bulk_create(rows)
    finally:
        field.auto_now_add = True


def scene() -> dict[str, str]:
    """A site with some life in it; returns the addresses to photograph, by the name of the picture."""
    people = [User.objects.create_user(name) for name in PEOPLE]
    editors = Group.objects.create(name="Editors")
    editors.user_set.set(people[:3])
    _ledger(people)
    shown = converse(people[1], title="Why does sourdough rise without yeast from a packet?")
    asked = say(shown, None, Role.USER, shown.title)
    first = say(shown, asked, Role.ASSISTANT, "Because of wild yeast.", reasoning="They ask for a cause.")
    figures: dict[str, Any] = {"prompt_tokens": 1204, "completion_tokens": 96, "cost": Decimal("0.0041")}
    run(first, timings={"first_token": 420, "total": 2300}, **figures)
    second = say(shown, asked, Role.ASSISTANT, ANSWER, reasoning="A fuller answer, with a table.")
    run(second, timings={"first_token": 610, "total": 5100}, **figures)
    again = say(shown, second, Role.USER, "And how do I keep a starter alive?")
    run(
        say(shown, again, Role.ASSISTANT, "Feed it once a"), Status.INTERRUPTED, error_code="upstream_timeout"
    )
    Feedback.objects.create(
        message=first, owner=people[1], rating=-1, reasons=["incomplete"], comment="Rather short."
    )
    now = timezone.now()
    live = [begin(converse(person, title="x")) for person in people[:4]]
    for index, generation in enumerate(live):
        Generation.objects.filter(pk=generation.pk).update(
            created=now - datetime.timedelta(seconds=7 + 31 * index),
            model=MODELS[index % 3][1],
            status=Status.QUEUED if index == 0 else Status.RUNNING,
        )
    answers = {
        str(generation.pk): [180 * index, 40 + index] for index, generation in enumerate(live) if index
    }
    health = {"error": "", "retry_in": None, "failed": 0, "state": "closed"}
    providers = [
        {**health, "name": "anthropic", "answered": 1204, "first_token_ms": 640},
        {**health, "name": "local", "answered": 87, "failed": 9, "first_token_ms": 95}
        | {"state": "open", "error": "upstream_unreachable", "retry_in": 24},
        {**health, "name": "openai", "answered": 3310, "failed": 12, "first_token_ms": 410},
    ]
    for number in (1, 2):
        Runner.objects.create(
            label=f"web-{number}:{1200 + number}",
            seen=now + datetime.timedelta(minutes=5),
            figures={
                **{"running": 2 - number % 2, "queued": number % 2, "sockets": 40 + number},
                **{"providers": providers, "answers": answers},
            },
        )
    Generation.objects.filter(pk__in=[each.pk for each in live]).update(
        runner=Runner.objects.order_by("label").first()
    )
    admin = "/admin/llmchat"
    rating = Feedback.objects.get()
    return {
        "admin-transcript": f"{admin}/conversation/{shown.pk}/change/",
        "admin-conversations": f"{admin}/conversation/",
        "admin-console": f"{admin}/generation/running/",
        "admin-usage": f"{admin}/usagerecord/usage/",
        "admin-feedback": f"{admin}/feedback/{rating.pk}/change/",
    }


def test_the_pages_of_the_operator(
    browser: Browser, live_server: LiveServer, aside: Aside, tmp_path: Path
) -> None:
    folder = ROOT / "docs" / "images" if os.environ.get("SCREENSHOTS") else tmp_path
    addresses = aside(scene)
    cookie = aside(client_of, "superuser").cookies[settings.SESSION_COOKIE_NAME].value
    complaints: list[str] = []
    for width, height, scheme, suffix in (
        (1280, 900, "light", ""),
        (1280, 900, "dark", "-dark"),
        (390, 844, "dark", "-phone"),
    ):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            locale="en",
        )
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        for name, address in addresses.items():
            response = page.goto(live_server.url + address)
            assert response is not None
            assert response.status == 200, name
            page.screenshot(path=folder / f"{name}{suffix}.png", full_page=True)
            wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert wide <= 0 or name == "admin-conversations", f"{name}{suffix} is {wide} px too wide"
        context.close()
    assert complaints == []
    assert aside(Conversation.objects.count) == 5
    assert aside(Message.objects.count) > 5
