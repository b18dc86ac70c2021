"""The site in the test's own event loop, on real sockets: what runs can be reached and counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.db import connections
from django.test import override_settings

from chat.engine.runner import Runner
from chat.engine.running import close_here, runner_here
from chat.testing.scripted_upstream import ScriptedUpstream

from .wsclient import ChatClient


class InSite:
    """A running site. `user` makes people, `client` opens their sockets."""

    def __init__(self, port: int, upstream: ScriptedUpstream) -> None:
        self.port = port
        self.origin = f"http://127.0.0.1:{port}"
        self.socket_url = f"ws://127.0.0.1:{port}/ws/"
        self.upstream = upstream
        self.clients: list[ChatClient] = []
        self.started = 0.0

    @property
    def runner(self) -> Runner:
        return runner_here()

    async def person(self, name: str = "ada") -> tuple[Any, str]:
        """A user, made if there is none of that name, and a new session's cookie."""
        return await asyncio.to_thread(_sign_in, name)

    async def user(self, name: str = "ada") -> str:
        """A new session's cookie of that user."""
        return (await self.person(name))[1]

    async def checked(self) -> None:
        """Returns after the first check of all sessions, which comes early; the next one is far."""
        housekeeping = self.runner._housekeeping
        while housekeeping._checked_at <= self.started:  # noqa: ASYNC110 -- it knows of nobody to tell
            await asyncio.sleep(0.01)

    def headers(self, cookie: str) -> dict[str, str]:
        return {"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}", "Origin": self.origin}

    async def client(self, cookie: str, *, acks: bool = True) -> ChatClient:
        client = ChatClient(self.socket_url, self.headers(cookie), acks=acks)
        self.clients.append(client)
        await client.connect()
        return client

    async def db(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Runs database code of the test in a thread."""
        return await asyncio.to_thread(_closing, function, *args, **kwargs)


def _closing(function: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    finally:
        connections.close_all()


def sign_in(user: Any) -> str:
    """A new session of `user`; returns its key."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    assert session.session_key is not None
    return session.session_key


def _sign_in(name: str) -> tuple[Any, str]:
    try:
        user = get_user_model()._default_manager.filter(username=name).first()
        if user is None:
            user = get_user_model()._default_manager.create_user(name)
        return user, sign_in(user)
    finally:
        connections.close_all()


async def _shut_down(server: uvicorn.Server) -> None:
    """As the server's own `shutdown`, which looks ten times a second, and a thousand tests wait for it."""
    for listening in server.servers:
        listening.close()
    state = server.server_state
    for connection in list(state.connections):
        connection.shutdown()
    async with asyncio.timeout(10):
        while state.connections or state.tasks:  # noqa: ASYNC110 -- neither does uvicorn
            await asyncio.sleep(0.002)
    for listening in server.servers:
        await listening.wait_closed()


@contextlib.asynccontextmanager
async def running_site(upstream: ScriptedUpstream, **chat_settings: Any) -> AsyncIterator[InSite]:
    """Starts the site on uvicorn in this loop, with `chat_settings` in `LLMCHAT`."""
    from project.asgi import application

    configured = {
        "PROVIDERS": {"default": {"BASE_URL": upstream.base_url, "API_KEY": "sk-canary-key-0123456789"}},
        "MODEL": "scripted",
        "RUNNER_BEAT": 0.5,
        **chat_settings,
    }
    with override_settings(LLMCHAT=configured):
        config = uvicorn.Config(
            application, port=0, log_level="warning", lifespan="off", ws_per_message_deflate=False
        )
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # the test's own stay
        # Not serve(): it takes over the process's signal handlers.
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        port = server.servers[0].sockets[0].getsockname()[1]
        site = InSite(port, upstream)
        # What the server's lifespan would do.
        runner_here()
        site.started = asyncio.get_running_loop().time()
        try:
            yield site
        finally:
            for client in site.clients:
                await client.close()
            runner = runner_here()
            await runner.drain(0)
            await close_here()
            server.should_exit = True
            await _shut_down(server)
