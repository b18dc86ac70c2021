"""`api/commands/` and `api/watch/`: the socket's laws without a socket."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from chat.engine import catchup
from chat.models import Generation, Message
from chat.testing.script import Script
from tests.insite import InSite
from tests.polling import PollingClient


@pytest_asyncio.fixture
async def client(site: InSite) -> AsyncIterator[PollingClient]:
    client = PollingClient(site, await site.user())
    yield client
    await client.close()


async def present(site: InSite, count: int) -> None:
    """Returns when so many polls are waiting."""
    for _ in range(500):
        if len(site.runner.hub.sockets) == count:
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def begun(client: PollingClient, text: str = "go", **fields: Any) -> dict[str, Any]:
    status, frame = await client.command("send", text=text, conversation=None, **fields)
    assert (status, frame["type"]) == (200, "accepted")
    return frame


async def test_what_a_poller_shows_is_always_a_prefix_and_the_end_fits(
    site: InSite, client: PollingClient
) -> None:
    script = Script(count=120, rate=100, pattern="wörd{n} 👍 ")
    site.upstream.script(script)
    accepted = await begun(client)
    steps = await client.follow(accepted)
    assert len(steps) >= 3
    assert all(script.text.startswith(step) for step in steps)
    assert steps[-1] == script.text
    assert (client.violations, client.mismatches) == ([], 0)


async def test_a_poll_without_waiting_comes_back_at_once(site: InSite, client: PollingClient) -> None:
    site.upstream.script(Script(count=5, first_delay=30))
    accepted = await begun(client)
    started = time.monotonic()
    frames = await client.poll(accepted["conversation"])
    assert time.monotonic() - started < 1
    assert [frame["type"] for frame in frames] == ["watching", "begin"]


async def test_a_waiting_poll_is_woken_by_what_somebody_else_asks(
    site: InSite, client: PollingClient
) -> None:
    accepted = await begun(client)
    await client.follow(accepted)
    waiting = asyncio.ensure_future(client.poll(accepted["conversation"], wait=20))
    async with asyncio.timeout(5):
        await present(site, 1)
        _, more = await client.command("send", text="more", conversation=accepted["conversation"])
        frames = await waiting
    assert any(isinstance(f, dict) and f.get("generation") == more["generation"] for f in frames)
    assert not site.runner.hub.sockets


async def test_who_does_not_know_the_last_change_is_told_at_once(site: InSite, client: PollingClient) -> None:
    accepted = await begun(client)
    await client.follow(accepted)
    started = time.monotonic()
    (watching,) = await client.poll(accepted["conversation"], wait=20, revision="0")
    assert watching["revision"] > 0
    assert time.monotonic() - started < 2


async def test_the_same_command_again_asks_no_model_twice(site: InSite, client: PollingClient) -> None:
    id = str(uuid.uuid4())
    first = await begun(client, id=id)
    again = await begun(client, id=id)
    assert again == first | {"duplicate": True}
    await client.follow(first)
    assert len(await site.upstream.await_requests(1)) == 1
    assert await site.db(Message.objects.count) == 2


async def test_stop_by_post_keeps_the_text_and_gives_the_end(site: InSite, client: PollingClient) -> None:
    site.upstream.script(Script(count=1000, rate=50))
    accepted = await begun(client)
    await client.poll(accepted["conversation"], wait=5)
    status, end = await client.command("stop", generation=accepted["generation"])
    assert (status, end["type"], end["status"]) == (200, "end", "stopped")
    await client.follow(accepted)
    assert client.shown[accepted["generation"]].text
    closed = await site.upstream.await_closed(0)
    assert closed.closed_by == "client"


@pytest.mark.slow
@pytest.mark.chat(ABANDON_AFTER=1)
async def test_who_polls_is_watching(site: InSite, client: PollingClient) -> None:
    script = Script(count=40, rate=15)
    site.upstream.script(script)
    await client.follow(await begun(client))
    row = await site.db(Generation.objects.get)
    assert row.status == "complete"


async def test_edit_regenerate_and_continue_work_too(site: InSite, client: PollingClient) -> None:
    first = await begun(client)
    await client.follow(first)
    for type, target in (("edit", "user_message"), ("regenerate", "assistant_message")):
        fields = {"text": "other"} if type == "edit" else {}
        status, accepted = await client.command(type, message=first[target], **fields)
        assert (status, accepted["type"]) == (200, "accepted")
        await client.follow(accepted)
    status, refused = await client.command("continue", message=first["assistant_message"])
    assert (status, refused["code"], refused["error"]["code"]) == (409, "conflict", "conflict")
    assert refused["error"]["message"]


async def test_commands_that_make_no_sense_are_refused_with_their_id(client: PollingClient) -> None:
    id = str(uuid.uuid4())
    for type, fields, status, code in (
        ("send", {"text": " "}, 400, "bad_frame"),
        ("dance", {}, 400, "unknown_type"),
        ("watch", {"conversation": str(uuid.uuid4())}, 400, "unknown_type"),
        ("send", {"text": "x" * 70_000}, 413, "too_large"),
        ("stop", {"generation": 4711}, 404, "not_found"),
        ("send", {"text": "x", "conversation": str(uuid.uuid4())}, 404, "not_found"),
    ):
        found, frame = await client.command(type, id=id, **fields)
        assert (found, frame["code"]) == (status, code)
        if code != "too_large":
            assert frame["id"] == id


@pytest.mark.parametrize(
    "query",
    ["conversation=x", "seen=[]", "seen=%7B%22a%22%3A1%7D", "wait=26", "wait=x", "because=fun", "other=1"],
)
async def test_a_query_that_makes_no_sense_is_refused(
    site: InSite, client: PollingClient, query: str
) -> None:
    async with client.session.get(f"{site.origin}/api/watch/?{query}") as response:
        assert response.status == 400
        assert (await response.json())["error"]["code"] == "bad_frame"


async def test_without_a_conversation_it_says_who_one_is(site: InSite, client: PollingClient) -> None:
    async with client.session.get(f"{site.origin}/api/watch/") as response:
        (ready,) = await response.json()
    assert (ready["type"], bool(ready["user"])) == ("ready", True)


async def test_strangers_see_nothing_and_change_nothing(site: InSite, client: PollingClient) -> None:
    accepted = await begun(client)
    await client.follow(accepted)
    eve = PollingClient(site, await site.user("eve"))
    address = f"{site.origin}/api/watch/?conversation={accepted['conversation']}"
    async with eve.session.get(address) as response:
        assert response.status == 404
    assert (await eve.command("stop", generation=accepted["generation"]))[0] == 404
    await eve.close()
    async with aiohttp.ClientSession() as nobody:
        async with nobody.get(address) as response:
            assert response.status == 401
        async with nobody.post(f"{site.origin}/api/commands/", json={}) as response:
            assert response.status == 403
    async with aiohttp.ClientSession(headers={"X-CSRFToken": "x" * 32}) as nobody:
        nobody.cookie_jar.update_cookies({"csrftoken": "x" * 32})
        command = {"type": "send", "id": str(uuid.uuid4()), "text": "hello"}
        headers = {"Origin": site.origin}
        async with nobody.post(f"{site.origin}/api/commands/", json=command, headers=headers) as response:
            assert response.status == 401


@pytest.mark.slow
@pytest.mark.chat(MAX_SOCKETS_PER_USER=2)
async def test_waiting_polls_count_as_sockets(site: InSite, client: PollingClient) -> None:
    accepted = await begun(client)
    await client.follow(accepted)
    waiting = [asyncio.ensure_future(client.poll(accepted["conversation"], wait=2)) for _ in range(2)]
    await present(site, 2)
    async with client.session.get(f"{site.origin}/api/watch/") as response:
        assert response.status == 429
        assert response.headers["Retry-After"]
    await asyncio.gather(*waiting)


async def test_a_server_that_goes_away_lets_nobody_wait(site: InSite, client: PollingClient) -> None:
    accepted = await begun(client)
    await client.follow(accepted)
    waiting = asyncio.ensure_future(client.poll(accepted["conversation"], wait=20))
    async with asyncio.timeout(5):
        await present(site, 1)
        site.runner.farewell(4012)
        (watching,) = await waiting
    assert watching["type"] == "watching"


class LookingTogether:
    """Stands for the database: nobody is answered before so many have asked."""

    def __init__(self, parties: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self._barrier = threading.Barrier(parties)
        self._look = catchup.look
        monkeypatch.setattr(catchup, "look", self)

    def __call__(self, *arguments: Any) -> Any:
        self._barrier.wait(10)
        return self._look(*arguments)


@pytest.mark.chat(MAX_SOCKETS_PER_USER=2)
async def test_of_polls_that_come_at_once_only_as_many_wait_as_there_may_be_sockets(
    site: InSite, client: PollingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = await begun(client)
    await client.follow(accepted)
    # As many as there are threads that read.
    LookingTogether(4, monkeypatch)
    polls = [asyncio.ensure_future(client.poll(accepted["conversation"], wait=20)) for _ in range(4)]
    started = time.monotonic()
    for poll in itertools.islice(asyncio.as_completed(polls), 2):
        assert [frame["type"] for frame in await poll] == ["watching"]
    assert time.monotonic() - started < 5
    await present(site, 2)
    site.runner.farewell(4012)
    await asyncio.gather(*polls)


async def test_a_poll_that_has_been_let_in_as_the_server_goes_away_does_not_wait(
    site: InSite, client: PollingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = await begun(client)
    await client.follow(accepted)
    runner, look = site.runner, catchup.look

    def going_away(*arguments: Any) -> Any:
        view = look(*arguments)
        runner.loop.call_soon_threadsafe(runner.farewell, 4012)
        return view

    monkeypatch.setattr(catchup, "look", going_away)
    async with asyncio.timeout(5):
        (watching,) = await client.poll(accepted["conversation"], wait=20)
    assert watching["type"] == "watching"
