"""Deleting stops what runs there first, and touches nobody else's."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from django.contrib.auth import get_user_model

from chat.models import Conversation, Generation, JournalChunk, Message
from chat.testing.script import Script
from tests.insite import InSite

ENDLESS = Script(count=100_000, rate=20)


async def delete(site: InSite, cookie: str, conversation: str) -> int:
    jar = {"sessionid": cookie, "csrftoken": "a" * 32}
    headers = {"X-CSRFToken": "a" * 32, "Origin": site.origin}
    url = f"{site.origin}/api/conversations/{conversation}/"
    async with (
        aiohttp.ClientSession(cookies=jar) as session,
        session.delete(url, headers=headers) as response,
    ):
        return response.status


@pytest.mark.chat(MAX_RUNNING_PER_USER=60, COMMANDS_PER_MINUTE=0)
@pytest.mark.slow
async def test_a_conversation_deleted_while_fifty_others_stream_harms_none(site: InSite) -> None:
    cookie = await site.user()
    client = await site.client(cookie)
    others = Script(count=60, rate=40)
    accepted = []
    for _ in range(50):
        site.upstream.script(others)
        accepted.append(await client.send("go"))
    site.upstream.script(ENDLESS)
    doomed = await client.send("doomed")
    await client.text(doomed["generation"], 10)
    assert await delete(site, cookie, doomed["conversation"]) == 204
    end = await client.ended(doomed["generation"])
    assert (end["status"], end["reason"]) == ("stopped", "deleted")
    closed = await asyncio.to_thread(site.upstream.wait_closed, 50, 2)
    assert closed.closed_by == "client"
    for other in accepted:
        end = await client.ended(other["generation"])
        assert end["status"] == "complete"
        assert client.shown[other["generation"]].text == others.text
    gone = await client.frame(lambda f: isinstance(f, dict) and f.get("state") == "deleted")
    assert gone["conversation"] == doomed["conversation"]
    assert not await site.db(Conversation.objects.filter(pk=doomed["conversation"]).exists)
    contents = await site.db(
        lambda: set(Message.objects.filter(role="assistant").values_list("content", flat=True))
    )
    assert contents == {others.text}
    assert not client.mismatches


async def test_a_row_deleted_behind_our_back_ends_the_answer(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(ENDLESS)
    accepted = await client.send("go")
    await client.text(accepted["generation"], 10)
    await site.db(Conversation.objects.all().delete)
    end = await client.ended(accepted["generation"])
    assert (end["status"], end["reason"]) == ("stopped", "deleted")
    assert not await site.db(JournalChunk.objects.exists)


async def test_deleting_a_user_stops_their_answers_and_nobody_elses(site: InSite) -> None:
    doomed, other = await site.client(await site.user("doomed")), await site.client(await site.user("other"))
    site.upstream.script(ENDLESS)
    lost = await doomed.send("go")
    script = Script(count=60, rate=40)
    site.upstream.script(script)
    kept = await other.send("go")
    await doomed.text(lost["generation"], 10)
    await site.db(lambda: get_user_model()._default_manager.get(username="doomed").delete())
    closed = await asyncio.to_thread(site.upstream.wait_closed, 0, 2)
    assert closed.closed_by == "client"
    assert (await other.ended(kept["generation"]))["status"] == "complete"
    assert other.shown[kept["generation"]].text == script.text
    assert await site.db(Generation.objects.count) == 1


async def test_a_strangers_conversation_cannot_be_deleted(site: InSite) -> None:
    client = await site.client(await site.user("ada"))
    site.upstream.script(Script(count=1))
    accepted = await client.send("go")
    await client.ended(accepted["generation"])
    assert await delete(site, await site.user("eve"), accepted["conversation"]) == 404
    assert await site.db(Conversation.objects.exists)


@pytest.mark.django_db(transaction=True)
def test_deleting_ten_thousand_messages_takes_few_queries(django_assert_max_num_queries: Any) -> None:
    user = get_user_model()._default_manager.create_user("ada")
    conversation = Conversation.objects.create(owner=user)
    messages: list[Message] = []
    for n in range(2000):
        parent = messages[-1] if messages else None
        messages.append(Message(conversation=conversation, parent=parent, role="user", position=n))
    Message.objects.bulk_create(messages)
    with django_assert_max_num_queries(120):
        conversation.delete()
    assert not Message.objects.exists()
