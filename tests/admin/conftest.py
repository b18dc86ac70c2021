from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection, connections
from django.test import Client

from chat import search
from chat.models import LIVE, Conversation, Generation, JournalChunk, Message, Role, Runner, Status

#: In every text that staff without the permission must not see, titles included.
CANARY = "kestrelwort"
#: What a guest's browser proves itself with; nobody may read it.
SESSION_KEY = "guestsessionsecret0123456789abcdef"

#: A database call of a test in a browser; Playwright's loop occupies the thread of the test itself.
Aside = Callable[..., Any]

PERMISSIONS = {
    "staff": (),
    "lister": (
        "view_conversation",
        "delete_conversation",
        "view_generation",
        "change_generation",
        "view_runner",
        "view_contentaccess",
        "view_usagerecord",
        "view_feedback",
        "change_feedback",
    ),
}
PERMISSIONS["reader"] = (*PERMISSIONS["lister"], "view_content")


@pytest.fixture
def aside() -> Iterator[Aside]:
    def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        def closing() -> Any:
            try:
                return function(*args, **kwargs)
            finally:
                connections.close_all()

        return threads.submit(closing).result()

    with ThreadPoolExecutor(1) as threads:
        yield call


def make_user(kind: str) -> User:
    """A user of one of the kinds: user, staff, lister, reader, superuser."""
    if kind == "superuser":
        return User.objects.create_superuser(kind, f"{kind}@example.com", "secret")
    user = User.objects.create_user(kind, f"{kind}@example.com", "secret", is_staff=kind != "user")
    names = PERMISSIONS.get(kind, ())
    user.user_permissions.set(
        Permission.objects.filter(codename__in=names, content_type__app_label="llmchat")
    )
    return user


def client_of(kind: str) -> Client:
    """A browser in which that kind of user, or nobody, is signed in."""
    client = Client()
    if kind != "anonymous":
        client.force_login(User.objects.filter(username=kind).first() or make_user(kind))
    return client


@pytest.fixture
def lister(db: None) -> Client:
    """Staff who may see that conversations exist, stop answers and delete, but not read."""
    return client_of("lister")


@pytest.fixture
def reader(db: None) -> Client:
    """Staff who may read as well."""
    return client_of("reader")


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_user("grace", "grace@example.com", "secret")


def converse(owner: User | None, *turns: tuple[str, str], title: str = CANARY, **fields: Any) -> Conversation:
    """A conversation in which each (question, answer) follows the one before; each answer has its run."""
    conversation = Conversation.objects.create(
        owner=owner, session_key="" if owner else SESSION_KEY, title=title, model="tiny", **fields
    )
    last = None
    for question, answer in turns:
        asked = say(conversation, last, Role.USER, question)
        last = say(conversation, asked, Role.ASSISTANT, answer)
        run(last)
    if not conversation.temporary:
        search.take(conversation)
    return conversation


def say(
    conversation: Conversation, parent: Message | None, role: str, content: str, **fields: Any
) -> Message:
    position = conversation.messages.count()
    model = "tiny" if role == Role.ASSISTANT else ""
    return Message.objects.create(
        conversation=conversation,
        parent=parent,
        role=role,
        content=content,
        position=position,
        model=model,
        **fields,
    )


def run(message: Message, status: str = Status.COMPLETE, **fields: Any) -> Generation:
    conversation = message.conversation
    Message.objects.filter(pk=message.pk).update(status=status)
    if status not in LIVE:
        end = {"ended_status": status, "ended_error": fields.get("error_code", "")}
        Conversation.objects.filter(pk=conversation.pk).update(**end)
    return Generation.objects.create(
        message=message,
        owner=conversation.owner,
        session_key=conversation.session_key,
        model="tiny",
        status=status,
        **fields,
    )


def begin(conversation: Conversation, *frames: str, status: str = Status.RUNNING) -> Generation:
    """An answer that is being written, with those pieces of text in the journal so far."""
    last = conversation.messages.order_by("-position").first()
    generation = run(say(conversation, last, Role.ASSISTANT, ""), status)
    if frames:
        text = ",".join(f'[{generation.pk},{n},"{frame}"]' for n, frame in enumerate(frames, 1))
        JournalChunk.objects.create(generation=generation, first_n=1, last_n=len(frames), frames=text)
    return generation


@pytest.fixture
def secret(owner: User) -> Conversation:
    """A conversation whose every text holds the canary, with an answer being written in it."""
    conversation = converse(owner, (f"ask {CANARY}", f"say **{CANARY}**"), metadata={"note": CANARY})
    answer = conversation.messages.get(role=Role.ASSISTANT)
    answer.reasoning = f"think {CANARY}"
    answer.steps = [{"kind": "tool_call", "n": 1, "type": "event", "arguments": CANARY}]
    answer.save()
    generation = begin(conversation, CANARY)
    generation.runner = Runner.objects.create(label="process one")
    generation.save()
    return conversation


@dataclasses.dataclass
class Stop:
    """One call of `request_stop`, and how the database stood at that moment."""

    generations: list[int]
    reason: str
    in_transaction: bool
    rows_still_there: bool


@pytest.fixture
def stops(monkeypatch: pytest.MonkeyPatch) -> list[Stop]:
    """The calls of the engine's `request_stop`, which is not run."""
    calls: list[Stop] = []

    def request_stop(generations: Collection[int], reason: str) -> int:
        found = Generation.objects.filter(pk__in=generations).count()
        calls.append(Stop(sorted(generations), reason, connection.in_atomic_block, found == len(generations)))
        return found

    monkeypatch.setattr("chat.engine.stopping.request_stop", request_stop)
    return calls
