from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import ThreadSensitiveContext, async_to_sync, sync_to_async
from django.contrib.auth import get_user_model
from django.db import connection, connections
from django.utils import translation

from chat.engine.running import close_here, runner_here
from chat.models import Conversation, Generation
from chat.signals import generation_ended, generation_started
from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream


class Listener:
    """A host's receiver that asks the database."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        #: Whether the thread still had a connection when it was called.
        self.kept: list[bool] = []
        self.called = threading.Event()

    def __call__(self, **arguments: Any) -> None:
        self.kept.append(connection.connection is not None)
        arguments["row"] = Generation.objects.get(pk=arguments["generation"])
        self.calls.append(arguments)
        self.called.set()


@pytest.fixture
def ended() -> Iterator[Listener]:
    listener = Listener()
    generation_ended.connect(listener)
    yield listener
    generation_ended.disconnect(listener)


@pytest.fixture
def conversation(llmchat_upstream: ScriptedUpstream) -> Conversation:
    return Conversation.objects.create(owner=get_user_model()._default_manager.create_user("ada"))


def test_start_and_end_are_told_once_each(
    llmchat_upstream: ScriptedUpstream, conversation: Conversation, ended: Listener
) -> None:
    started = Listener()
    generation_started.connect(started)
    message = conversation.ask("hello")
    generation_started.disconnect(started)
    assert ended.called.wait(5)
    for listener in (started, ended):
        (call,) = listener.calls
        assert (call["message"], call["conversation"]) == (message.pk, conversation.pk)
    assert ended.calls[0]["status"] == ended.calls[0]["row"].status == "complete"


async def test_receivers_are_called_for_a_view_under_synchronous_middleware(
    llmchat_upstream: ScriptedUpstream, conversation: Conversation, ended: Listener
) -> None:
    llmchat_upstream.script(Script(count=3, rate=20))

    async def inner_middleware() -> None:
        await sync_to_async(conversation.ask)("hello")
        # What Django does at the end of a request.
        await sync_to_async(connections.close_all)()

    async with ThreadSensitiveContext():
        await sync_to_async(async_to_sync(inner_middleware))()
    assert await sync_to_async(ended.called.wait, thread_sensitive=False)(5)


def test_no_connection_is_kept_for_receivers(conversation: Conversation, ended: Listener) -> None:
    for _ in range(2):
        ended.called.clear()
        conversation.ask("hello")
        assert ended.called.wait(5)
    assert ended.kept == [False, False]


async def test_the_language_of_who_asks_stays_with_the_answer(
    llmchat_upstream: ScriptedUpstream, conversation: Conversation
) -> None:
    languages: list[str | None] = []
    done = asyncio.Event()

    async def listen(**arguments: Any) -> None:
        languages.append(translation.get_language())
        done.set()

    generation_ended.connect(listen)
    runner_here()
    try:
        with translation.override("de"):
            async for _ in conversation.astream("hello"):
                pass
        await asyncio.wait_for(done.wait(), 5)
    finally:
        generation_ended.disconnect(listen)
        await close_here()
    assert languages == ["de"]
