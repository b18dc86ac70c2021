"""The Python door, from a sync view, an async view, a shell and a plain thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory, RequestFactory

from chat.engine.running import runners
from chat.exceptions import GenerationFailed, OpenTransactionError, Refused
from chat.models import Conversation, Message
from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def upstream(settings: Any) -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        settings.LLMCHAT = {"PROVIDERS": {"default": {"BASE_URL": upstream.base_url}}, "MODEL": "scripted"}
        yield upstream
        for runner in runners():
            if runner.loop.is_running() and runner.loop is not _running_loop():
                asyncio.run_coroutine_threadsafe(runner.close(), runner.loop).result(10)
                runner.loop.call_soon_threadsafe(runner.loop.stop)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


@pytest.fixture
def conversation(upstream: ScriptedUpstream) -> Conversation:
    user = get_user_model()._default_manager.create_user("ada")
    return Conversation.objects.create(owner=user)


def test_ask_from_a_sync_view_returns_the_whole_answer(
    upstream: ScriptedUpstream, conversation: Conversation
) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(conversation.ask("hello").content)

    upstream.script(Script(count=40, rate=400))
    assert view(RequestFactory().get("/")).content.decode() == Script(count=40).text
    assert conversation.messages.count() == 2


def test_ask_from_a_shell_keeps_the_branch(upstream: ScriptedUpstream, conversation: Conversation) -> None:
    upstream.script(Script(count=2))
    conversation.ask("one")
    upstream.script(Script(count=3))
    message = conversation.ask("two", temperature=0.5)
    assert (message.status, message.content) == ("complete", Script(count=3).text)
    body = upstream.seen[-1].body
    assert [m["content"] for m in body["messages"]] == ["one", Script(count=2).text, "two"]
    assert body["temperature"] == 0.5


def test_ask_from_a_plain_thread(upstream: ScriptedUpstream, conversation: Conversation) -> None:
    upstream.script(Script(count=5))
    answers: list[Message] = []

    def work() -> None:
        try:
            answers.append(conversation.ask("hello"))
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert answers[0].content == Script(count=5).text


def test_astream_from_an_async_view_under_a_short_lived_loop(
    upstream: ScriptedUpstream, conversation: Conversation
) -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("".join([piece async for piece in conversation.astream("hello")]))

    upstream.script(Script(count=40, rate=400))
    response = async_to_sync(view)(AsyncRequestFactory().get("/"))
    assert response.content.decode() == Script(count=40).text


async def test_astream_yields_while_the_answer_is_written(settings: Any, transactional_db: None) -> None:
    from tests.insite import running_site

    with ScriptedUpstream() as upstream:
        async with running_site(upstream) as site:
            await site.user("ada")
            conversation = await site.db(
                lambda: Conversation.objects.create(owner=get_user_model()._default_manager.get())
            )
            upstream.script(Script(count=20, rate=50))
            pieces = [piece async for piece in conversation.astream("hello")]
            assert "".join(pieces) == Script(count=20).text
            assert len(pieces) >= 3


def test_leaving_the_loop_stops_the_upstream(upstream: ScriptedUpstream, conversation: Conversation) -> None:
    async def first_words() -> str:
        stream = conversation.astream("hello")
        async for piece in stream:
            await stream.aclose()  # type: ignore[attr-defined]  # an async generator behind the iterator
            return piece
        return ""

    upstream.script(Script(count=10_000, rate=50))
    assert Script(count=10_000).text.startswith(async_to_sync(first_words)())
    seen = upstream.wait_closed(0, 2)
    assert seen.closed_by == "client"


def test_inside_a_transaction_it_is_an_error_and_nothing_is_asked(
    upstream: ScriptedUpstream, conversation: Conversation
) -> None:
    async def stream() -> None:
        async for _ in conversation.astream("hello"):
            pass

    with transaction.atomic(), pytest.raises(OpenTransactionError, match="on_commit"):
        conversation.ask("hello")
    with transaction.atomic(), pytest.raises(OpenTransactionError):
        async_to_sync(stream)()
    assert not upstream.seen
    assert not conversation.messages.exists()


def test_a_failed_answer_raises_and_is_kept(upstream: ScriptedUpstream, conversation: Conversation) -> None:
    upstream.default = Script(status=500, body="{}")
    with pytest.raises(GenerationFailed) as failure:
        conversation.ask("hello")
    assert (failure.value.code, failure.value.status) == ("upstream_error", "error")
    assert list(conversation.messages.values_list("status", flat=True)) == ["complete", "error"]


def test_what_a_limit_forbids_is_refused(settings: Any, conversation: Conversation) -> None:
    with pytest.raises(Refused) as refusal:
        conversation.ask("   ")
    assert refusal.value.code == "bad_frame"
    settings.LLMCHAT = {**settings.LLMCHAT, "MAX_MESSAGE_CHARS": 10}
    with pytest.raises(Refused) as refusal:
        conversation.ask("x" * 11)
    assert refusal.value.code == "too_large"


async def test_ask_on_an_event_loop_says_what_to_use_instead(transactional_db: None) -> None:
    with pytest.raises(RuntimeError, match="astream"):
        Conversation().ask("hello")
