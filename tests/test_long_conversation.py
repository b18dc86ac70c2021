"""Forty turns with the real local model, whose window holds a handful of them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model

from chat import local_model
from chat.engine.prompt import estimate_tokens
from chat.engine.running import runners
from chat.models import Conversation, Message, Role, Status
from tests.servers import PATIENCE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.model]

TURNS = 40


@pytest.fixture
def model(settings: Any) -> Iterator[None]:
    """The local model, as the site is set up for it."""
    command = [sys.executable, "manage.py", "llmchat_local_model", "--port=0", "--with-parent"]
    with subprocess.Popen(
        command, cwd=django_settings.BASE_DIR, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        provider = {"BASE_URL": address, "CONTEXT_TOKENS": local_model.CONTEXT_TOKENS}
        settings.LLMCHAT = {
            "PROVIDERS": {"default": provider},
            "MODEL": local_model.MODEL_ID,
            # To read a full window takes this model long where other tests run beside it.
            "FIRST_TOKEN_TIMEOUT": 170,
        }
        try:
            yield
        finally:
            for runner in runners():
                if runner.loop.is_running():
                    asyncio.run_coroutine_threadsafe(runner.close(), runner.loop).result(10)
                    runner.loop.call_soon_threadsafe(runner.loop.stop)
            process.terminate()
            process.wait(PATIENCE)


def test_the_fortieth_turn_is_answered_though_the_first_ones_no_longer_fit(model: None) -> None:
    conversation = Conversation.objects.create(owner=get_user_model()._default_manager.create_user("ada"))
    answer = conversation.ask("Say hello.", max_tokens=8)
    for turn in range(2, TURNS):
        question = _tell(
            conversation, answer, Role.USER, f"This is turn {turn}. " + "Tell me of the sea. " * 10
        )
        answer = _tell(
            conversation, question, Role.ASSISTANT, f"Turn {turn}: " + "It is wide and blue. " * 10
        )
    texts = conversation.messages.values_list("content", flat=True)
    assert sum(map(estimate_tokens, texts)) > 2 * local_model.CONTEXT_TOKENS

    last = conversation.ask(f"This is turn {TURNS}. Is the sea wide?", max_tokens=8)

    assert last.status == Status.COMPLETE
    assert last.content
    generation = last.generations.get()
    assert generation.prompt_tokens is not None
    assert not generation.estimated
    assert 0 < generation.prompt_tokens < local_model.CONTEXT_TOKENS
    assert conversation.messages.filter(role=Role.ASSISTANT).count() == TURNS


def _tell(conversation: Conversation, parent: Message, role: Role, content: str) -> Message:
    """A message as it would stand there after its turn."""
    return Message.objects.create(
        conversation=conversation,
        parent=parent,
        role=role,
        content=content,
        status=Status.COMPLETE,
        position=parent.position + 1,
    )
