"""The site as a process: it starts on both servers and databases, answers over its socket, and comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream

from . import migrated
from .servers import ServerName, SiteProcess
from .wsclient import ChatClient

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
async def test_a_killed_site_comes_back_with_what_was_said(
    server: ServerName, database_url: str, tmp_path: Path, scripted_upstream: ScriptedUpstream
) -> None:
    with SiteProcess(
        tmp_path, server, database_url=database_url, OPENAI_BASE_URL=scripted_upstream.base_url
    ) as site:
        headers = site.headers(site.sign_in("ada"))
        async with ChatClient(site.socket_url, headers) as client:
            accepted = await client.send("Hello")
            end = await client.ended(accepted["generation"])
            assert end["status"] == "complete"
            assert client.shown[accepted["generation"]].text == Script().text
        site.kill()
        assert not site.alive
        contents = site.django(
            """
            from chat.models import Message
            result = [m.content for m in Message.objects.filter(conversation=id).order_by("position")]
            """,
            id=accepted["conversation"],
        )
        assert contents == ["Hello", Script().text]
        site.start()
        async with ChatClient(site.socket_url, headers) as client:
            await client.say(
                "watch", conversation=accepted["conversation"], seen={accepted["generation"]: -1}
            )
            assert (await client.ended(accepted["generation"]))["status"] == "complete"
        await asyncio.to_thread(site.terminate)


def test_a_snippet_that_fails_says_why(tmp_path: Path) -> None:
    site = SiteProcess(tmp_path)
    migrated.lay(site.database_url)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        site.django("1 / 0")
    assert site.django("1 + one", one=1) == 2
    site.__exit__(None, None, None)


def test_a_site_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    site = SiteProcess(tmp_path, LLMCHAT_MAX_RUNNING="many")
    with pytest.raises(TimeoutError, match="LLMCHAT_MAX_RUNNING"):
        site.start()
