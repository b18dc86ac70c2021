"""Law 9: a sign-out, a suspension, a lost permission reach sockets that are already open."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import OperationalError

from chat import sessions
from chat.consumers import ChatConsumer
from chat.engine import housekeeping
from chat.engine.follower import Follower
from chat.policy import ChatPolicy
from chat.testing.script import Script
from tests.insite import InSite

ENDLESS = Script(count=100_000, rate=50)
BANNED: set[str] = set()


class Bans(ChatPolicy):
    """A host's policy with a list of its own."""

    def may_chat(self, user: Any) -> bool:
        return super().may_chat(user) and user.get_username() not in BANNED


def sign_out() -> None:
    Session.objects.all().delete()


def deactivate() -> None:
    get_user_model()._default_manager.update(is_active=False)


def change_password() -> None:
    user = get_user_model()._default_manager.get()
    user.set_password("new")
    user.save()


def delete_user() -> None:
    get_user_model()._default_manager.all().delete()


def ban() -> None:
    BANNED.add("ada")


@pytest.fixture(autouse=True)
def _no_bans() -> Any:
    BANNED.clear()
    yield
    BANNED.clear()


LOSSES = [
    pytest.param(sign_out, 4401, id="signed out"),
    pytest.param(deactivate, 4401, id="deactivated"),
    pytest.param(change_password, 4401, id="password changed"),
    pytest.param(delete_user, 4401, id="deleted"),
    pytest.param(ban, None, id="permission lost"),
]


@pytest.mark.chat(POLICY=f"{__name__}.Bans")
@pytest.mark.parametrize(("lose", "code"), LOSSES)
async def test_the_next_command_is_refused(site: InSite, lose: Callable[[], None], code: int | None) -> None:
    client = await site.client(await site.user())
    await site.checked()
    await site.db(lose)
    reply = await client.ask("send", text="hello", conversation=None)
    assert (reply["type"], reply["code"]) == ("error", "forbidden")
    assert not site.upstream.seen
    if code is not None:
        await client.until(lambda: client.close_code)
        assert client.close_code == code


@pytest.mark.chat(POLICY=f"{__name__}.Bans", SESSION_CHECK_INTERVAL=0.3)
@pytest.mark.parametrize(
    ("lose", "code"), [(sign_out, 4401), (deactivate, 4403), (change_password, 4401), (ban, 4403)]
)
async def test_an_open_socket_is_closed_at_the_next_check_and_the_others_stay(
    site: InSite, lose: Callable[[], None], code: int
) -> None:
    client = await site.client(await site.user())
    await asyncio.sleep(0.5)
    await client.ask("ping")
    await site.db(lose)
    other = await site.client(await site.user("eve"))
    await client.until(lambda: client.close_code)
    assert client.close_code == code
    await asyncio.sleep(0.5)
    assert other.close_code is None


@pytest.mark.chat(POLICY=f"{__name__}.Bans", SESSION_CHECK_INTERVAL=0.3)
@pytest.mark.parametrize("lose", [deactivate, ban])
async def test_running_answers_of_a_suspended_user_are_stopped(
    site: InSite, lose: Callable[[], None]
) -> None:
    client = await site.client(await site.user())
    site.upstream.script(ENDLESS)
    await client.send("hello")
    log = next(iter(site.runner.logs.values()))
    await client.text(log.generation, 10)
    await client.cut()
    await site.db(lose)
    closed = await asyncio.to_thread(site.upstream.wait_closed, 0, 5)
    assert closed.closed_by == "client"
    async for _ in Follower(log).texts():
        pass
    assert '"reason":"suspended"' in log.frames[-1]


@pytest.mark.chat(SESSION_CHECK_INTERVAL=0.3)
async def test_signing_out_stops_no_answer(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(ENDLESS)
    accepted = await client.send("hello")
    await client.text(accepted["generation"], 10)
    await site.db(sign_out)
    await client.until(lambda: client.close_code)
    await asyncio.sleep(0.5)
    assert accepted["generation"] in site.runner.pumps


async def test_a_stop_needs_no_session_check(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(ENDLESS)
    accepted = await client.send("hello")
    await client.text(accepted["generation"], 10)
    await site.db(sign_out)
    await client.say("stop", generation=accepted["generation"])
    assert (await client.ended(accepted["generation"]))["status"] == "stopped"


@pytest.mark.chat(SESSION_CHECK_INTERVAL=0.2)
async def test_a_check_that_cannot_be_made_is_not_a_failed_one(
    site: InSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await site.client(await site.user())
    tried = threading.Semaphore(0)

    def away(*args: Any) -> Any:
        tried.release()
        raise OperationalError("away")

    monkeypatch.setattr(housekeeping, "_judge", away)
    for _ in range(3):
        await asyncio.to_thread(tried.acquire)
    assert client.close_code is None
    monkeypatch.setattr(housekeeping, "UNCHECKED_PATIENCE", 0.1)
    await client.until(lambda: client.close_code)
    assert client.close_code == 4503


async def test_a_handshake_that_cannot_be_checked_is_told_to_come_back(
    site: InSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = await site.user()

    def away(*args: Any) -> Any:
        raise OperationalError("away")

    monkeypatch.setattr(sessions, "_load_one", away)
    from tests.wsclient import ChatClient

    client = ChatClient(site.socket_url, site.headers(cookie))
    await client.connect(ready=False)
    await client.until(lambda: client.close_code)
    assert client.close_code == 4503
    await client.close()


async def test_sessions_in_the_cache_are_checked_too(site: InSite, settings: Any) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.cache import SessionStore

    def sign_in() -> tuple[Any, str]:
        user = get_user_model()._default_manager.create_user("ada")
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        return session, str(session.session_key)

    session, key = await site.db(sign_in)
    client = await site.client(key)
    await site.checked()
    await site.db(session.delete)
    reply = await client.ask("send", text="hello", conversation=None)
    assert reply["code"] == "forbidden"


@pytest.mark.django_db
def test_all_sockets_are_judged_with_two_queries(django_assert_max_num_queries: Any) -> None:
    from tests.insite import sign_in

    users = [get_user_model()._default_manager.create_user(f"user{n}") for n in range(30)]
    identities = [sessions.Identity(sign_in(user), user.pk) for user in users]
    with django_assert_max_num_queries(2):
        verdicts = sessions.check_all(identities)
    assert set(verdicts.values()) == {sessions.Verdict.OK}


async def test_a_refusal_that_is_being_sent_leaves_before_the_door_is_shut(
    site: InSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = ChatConsumer._send_text

    async def slowly(consumer: ChatConsumer, frame: str) -> None:
        await asyncio.sleep(0.2)
        await send(consumer, frame)

    monkeypatch.setattr(ChatConsumer, "_send_text", slowly)
    client = await site.client(await site.user())
    await site.checked()
    await site.db(sign_out)
    reply = await client.ask("send", text="hello", conversation=None)
    assert reply["code"] == "forbidden"
    await client.until(lambda: client.close_code)
    assert client.close_code == 4401
