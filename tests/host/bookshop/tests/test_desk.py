from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import transaction
from django.test import AsyncClient, Client
from llmchat.exceptions import OpenTransactionError, Refused
from llmchat.models import Generation
from llmchat.signals import generation_ended
from llmchat.testing.script import Script
from llmchat.testing.scripted_upstream import ScriptedUpstream

from chat.desk import conversation_about
from chat.models import Answer, Evening
from members.models import Member


def test_a_reading_list(
    llmchat_upstream: ScriptedUpstream, client: Client, member: Member, evening: Evening
) -> None:
    llmchat_upstream.script(Script(tokens=["Read ", "Middlemarch."]))
    client.force_login(member)
    assert client.get(f"/evenings/{evening.pk}/reading-list/").text == "Read Middlemarch."


async def test_an_introduction_arrives_in_pieces(
    llmchat_upstream: ScriptedUpstream, async_client: AsyncClient, member: Member, evening: Evening
) -> None:
    llmchat_upstream.script(Script(count=20, rate=100))
    await async_client.aforce_login(member)
    response = await async_client.get(f"/evenings/{evening.pk}/introduction/")
    pieces = [piece async for piece in response.streaming_content]
    assert b"".join(pieces).decode() == Script(count=20).text
    assert len(pieces) > 2


def test_the_model_is_told_which_evening_it_is_about(
    llmchat_upstream: ScriptedUpstream, member: Member, evening: Evening
) -> None:
    conversation_about(evening, member).ask("When does it begin?")
    (request,) = llmchat_upstream.seen
    prompt, question = request.body["messages"]
    assert prompt["content"].endswith("The question is about this evening: Small islands, with Marta Sousa.")
    assert question == {"role": "user", "content": "When does it begin?"}


def test_inside_a_transaction_nothing_is_asked(
    llmchat_upstream: ScriptedUpstream, member: Member, evening: Evening
) -> None:
    with transaction.atomic(), pytest.raises(OpenTransactionError):
        conversation_about(evening, member).ask("When does it begin?")
    assert not llmchat_upstream.seen


def test_the_shop_counts_answers(
    llmchat_upstream: ScriptedUpstream, member: Member, evening: Evening
) -> None:
    counted = threading.Event()

    def listen(**kwargs: Any) -> None:
        counted.set()

    # Called after the shop's own receiver, which was connected before it.
    generation_ended.connect(listen)
    try:
        conversation_about(evening, member).ask("When does it begin?")
        assert counted.wait(5)
    finally:
        generation_ended.disconnect(listen)
    generation = Generation.objects.get()
    assert Answer.objects.get().generation == generation.pk
    assert generation.owner == member


def test_who_may_not_ask_is_refused(
    llmchat_upstream: ScriptedUpstream, client: Client, member: Member
) -> None:
    Member.objects.update(may_ask=False)
    client.force_login(member)
    page = client.get("/help/chat/")
    assert page.status_code == 403
    assert "The help desk is not for everybody" in page.text
    assert client.get("/help/chat/api/conversations/").json()["error"]["code"] == "forbidden"


def test_the_large_model_is_for_staff(
    llmchat_upstream: ScriptedUpstream, settings: Any, member: Member, evening: Evening
) -> None:
    provider = {**settings.LLMCHAT["PROVIDERS"]["default"], "MODELS": ["reader-small", "reader-large"]}
    settings.LLMCHAT = {**settings.LLMCHAT, "PROVIDERS": {"default": provider}, "MODEL": "reader-small"}
    conversation = conversation_about(evening, member)
    with pytest.raises(Refused, match="model_unavailable"):
        conversation.ask("Who is she?", model="reader-large")
    Member.objects.update(is_staff=True)
    conversation.ask("Who is she?", model="reader-large")
    assert [request.body["model"] for request in llmchat_upstream.seen] == ["reader-large"]
