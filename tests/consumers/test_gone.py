"""A client that goes while something is sent to it is no error, whatever the server calls it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from chat.consumers import ChatConsumer
from chat.testing.script import Script
from tests.insite import InSite


class Disconnected(RuntimeError):
    """What autobahn raises under daphne."""


@pytest.mark.parametrize("error", [OSError, Disconnected])
async def test_a_send_to_a_client_that_has_gone_is_not_logged_as_an_error(
    site: InSite, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: type[Exception]
) -> None:
    client = await site.client(await site.user())
    script = Script(count=40, rate=100)
    site.upstream.script(script)
    accepted = await client.send("go")
    await client.text(accepted["generation"], 10)
    emit = ChatConsumer._emit

    async def gone(self: Any, message: Any) -> None:
        raise error

    monkeypatch.setattr(ChatConsumer, "_emit", gone)
    await client.cut()
    await site.db(lambda: None)
    monkeypatch.setattr(ChatConsumer, "_emit", emit)
    await client.connect()
    assert (await client.ended(accepted["generation"]))["status"] == "complete"
    assert client.shown[accepted["generation"]].text == script.text
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
