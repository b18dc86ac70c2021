"""Who gets a socket: the origin, the subprotocol, the session, the number of sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import websockets
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.test import override_settings

from chat.policy import ChatPolicy
from tests.insite import InSite


class OnlyAda(ChatPolicy):
    """A host's policy: the others may sign in, and not chat."""

    def may_chat(self, user: Any) -> bool:
        return bool(user.is_authenticated and user.get_username() == "ada")


class Guests(ChatPolicy):
    """A host's policy: everybody with a session may chat."""

    def may_chat(self, user: Any) -> bool:
        return isinstance(user, AnonymousUser) or bool(user.is_active)


async def open_socket(
    site: InSite,
    cookie: str = "",
    origin: str | None = None,
    subprotocols: list[str] | None = None,
    **kw: Any,
) -> websockets.ClientConnection:
    headers = {"Cookie": f"sessionid={cookie}"} if cookie else {}
    return await websockets.connect(
        site.socket_url,
        origin=origin or site.origin,  # type: ignore[arg-type]  # a plain string will do
        subprotocols=subprotocols,  # type: ignore[arg-type]
        additional_headers=headers | kw.get("headers", {}),
    )


async def refused(site: InSite, **kwargs: Any) -> int:
    with pytest.raises(websockets.InvalidStatus) as refusal:
        await open_socket(site, **kwargs)
    return refusal.value.response.status_code


async def close_code(site: InSite, cookie: str) -> int | None:
    socket = await open_socket(site, cookie)
    async with asyncio.timeout(5):
        await socket.wait_closed()
    return socket.close_code


async def test_the_offered_subprotocol_is_selected_and_none_is_named_where_none_was(site: InSite) -> None:
    cookie = await site.user()
    async with await open_socket(site, cookie, subprotocols=["other", "llmchat.v1"]) as socket:
        assert socket.subprotocol == "llmchat.v1"
    async with await open_socket(site, cookie) as socket:
        assert socket.subprotocol is None
        assert '"ready"' in str(await socket.recv())


async def test_only_unknown_subprotocols_are_refused(site: InSite) -> None:
    assert await refused(site, cookie=await site.user(), subprotocols=["llmchat.v9"]) == 403


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://127.0.0.1:1",
        "null",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1.evil.example",
    ],
)
async def test_a_foreign_origin_is_refused(site: InSite, origin: str) -> None:
    assert await refused(site, cookie=await site.user(), origin=origin.format(port=site.port)) == 403


async def test_a_missing_origin_is_refused_unless_a_setting_allows_it(site: InSite) -> None:
    cookie = {"Cookie": f"sessionid={await site.user()}"}
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(site.socket_url, additional_headers=cookie)
    from django.conf import settings

    with override_settings(LLMCHAT={**settings.LLMCHAT, "ALLOW_MISSING_ORIGIN": True}):
        async with await websockets.connect(site.socket_url, additional_headers=cookie) as socket:
            assert '"ready"' in str(await socket.recv())


async def test_a_host_that_django_would_refuse_is_refused(site: InSite) -> None:
    with override_settings(ALLOWED_HOSTS=["chat.example"]):
        assert await refused(site, cookie=await site.user()) == 403


async def test_trusted_origins_and_a_tls_proxy_are_believed_as_in_http(site: InSite) -> None:
    cookie = await site.user()
    trusted = ["https://app.example", "https://*.wild.example"]
    with override_settings(CSRF_TRUSTED_ORIGINS=trusted):
        for origin in ("https://app.example", "https://a.wild.example"):
            await (await open_socket(site, cookie, origin=origin)).close()
        assert await refused(site, cookie=cookie, origin="http://app.example") == 403
        assert await refused(site, cookie=cookie, origin="https://wild.example.evil") == 403
    behind = {"X-Forwarded-Proto": "https"}
    secure = site.origin.replace("http:", "https:")
    with override_settings(SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https")):
        await (await open_socket(site, cookie, origin=secure, headers=behind)).close()
        assert await refused(site, cookie=cookie, origin=site.origin, headers=behind) == 403


async def test_without_a_session_the_socket_is_accepted_and_closed_with_4401(site: InSite) -> None:
    assert await close_code(site, "") == 4401
    assert await close_code(site, "nosuchsession") == 4401


async def test_a_deactivated_users_session_signs_nobody_in(site: InSite) -> None:
    cookie = await site.user()
    await site.db(get_user_model()._default_manager.update, is_active=False)
    assert await close_code(site, cookie) == 4401


@pytest.mark.chat(POLICY=f"{__name__}.OnlyAda")
async def test_a_user_without_permission_is_closed_with_4403(site: InSite) -> None:
    assert await close_code(site, await site.user("eve")) == 4403
    client = await site.client(await site.user("ada"))
    assert client.close_code is None


@pytest.mark.chat(MAX_SOCKETS_PER_USER=2)
async def test_one_socket_too_many_is_closed_with_4429_and_a_closed_one_makes_room(site: InSite) -> None:
    cookie = await site.user()
    first = await site.client(cookie)
    await site.client(cookie)
    assert await close_code(site, cookie) == 4429
    await site.client(await site.user("eve"))
    await first.close()
    await site.client(cookie)


@pytest.mark.chat(POLICY=f"{__name__}.Guests")
async def test_a_guest_owns_what_the_session_began(site: InSite) -> None:
    from django.contrib.sessions.backends.db import SessionStore

    from chat.models import Conversation
    from chat.testing.script import Script

    def guest() -> str:
        session = SessionStore()
        session.create()
        return str(session.session_key)

    one, two = await site.db(guest), await site.db(guest)
    client = await site.client(one)
    site.upstream.script(Script(count=2))
    accepted = await client.send("hello")
    await client.ended(accepted["generation"])
    row = await site.db(Conversation.objects.get)
    assert (row.owner_id, row.session_key) == (None, one)
    stranger = await site.client(two)
    reply = await stranger.ask("watch", conversation=accepted["conversation"], seen={})
    assert reply["code"] == "not_found"
