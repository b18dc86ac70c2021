"""Titles by a model: once, for what nobody has named, and never in the way of anything."""

from __future__ import annotations

from typing import Any

import pytest

from chat.engine.titles import LONGEST, tidy
from chat.models import Budget, Conversation, Reservation, SearchEntry
from chat.testing.script import Script
from tests.insite import InSite
from tests.wsclient import ChatClient


async def retitled(client: ChatClient, title: str = "Bread that rises") -> dict[str, Any]:
    def is_it(frame: Any) -> bool:
        return isinstance(frame, dict) and frame["type"] == "conversation" and frame["title"] == title

    return await client.frame(is_it)


@pytest.mark.chat(TITLE_MODEL="scripted")
async def test_the_first_answer_brings_a_title_to_all_tabs(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(tokens=["Yeast."]))
    site.upstream.script(Script(tokens=["“Bread ", "that rises”\n"]))
    accepted = await client.send("Why does the dough grow?")
    frame = await retitled(client)
    assert (frame["conversation"], frame["state"]) == (accepted["conversation"], "idle")
    row = await site.db(Conversation.objects.get, pk=accepted["conversation"])
    assert (row.title, row.revision) == ("Bread that rises", frame["revision"])
    entry = await site.db(SearchEntry.objects.get, source=row.pk)
    assert "bread" in entry.terms
    # Once: the second answer asks for none.
    site.upstream.script(Script(tokens=["More."]))
    again = await client.send("And then?", accepted["conversation"])
    await client.ended(again["generation"])
    assert len(await site.upstream.await_requests(3)) == 3


@pytest.mark.chat(TITLE_MODEL="scripted")
async def test_a_model_that_fails_leaves_the_first_words(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(tokens=["Yeast."]))
    site.upstream.script(Script(status=400, body="{}"))
    accepted = await client.send("Why does the dough grow?")
    await client.ended(accepted["generation"])
    await site.upstream.await_requests(2)
    await site.upstream.await_idle()
    row = await site.db(Conversation.objects.get, pk=accepted["conversation"])
    assert row.title == "Why does the dough grow?"


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ('"Bread"', "Bread"),
        ("Here you are:\n\n**Bread that rises.**\n", "Bread that rises"),
        ("", ""),
        ("…\n\n", "…"),
        ("x" * 500, "x" * LONGEST),
    ],
)
def test_a_title_is_one_short_line(said: str, title: str) -> None:
    assert tidy(said) == title


@pytest.mark.chat(TITLE_MODEL="scripted", MAX_RUNNING_PER_USER=1)
async def test_a_title_is_no_message_of_its_owners_and_takes_none_of_their_places(site: InSite) -> None:
    client = await site.client(await site.user())
    budgets = [
        Budget(scope="everyone", measure="messages", limit=2),
        Budget(scope="everyone", measure="running", window="", limit=1),
        Budget(scope="everyone", measure="tokens", limit=100_000),
    ]
    await site.db(Budget.objects.bulk_create, budgets)
    site.upstream.script(Script(tokens=["Yeast."]), Script(fault="hang"), Script(tokens=["More."]))
    accepted = await client.send("Why does the dough grow?")
    await client.ended(accepted["generation"])
    await site.upstream.await_requests(2)
    again = await client.send("And then?", accepted["conversation"])
    assert (await client.ended(again["generation"]))["status"] == "complete"
    reserved = await site.db(
        lambda: set(Reservation.objects.values_list("counter__budget__measure", flat=True))
    )
    assert reserved == {"tokens"}
