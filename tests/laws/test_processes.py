"""Laws 3, 4 and 7 against real processes: killed, terminated, with the database away."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import websockets

from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream
from tests.servers import ServerName, SiteProcess
from tests.wsclient import ChatClient

pytestmark = pytest.mark.slow

SERVERS = pytest.mark.parametrize("server", ["daphne", "uvicorn"])
RATE = 100
#: One awkward token in ten.
TOKENS = [["nul\0 ", "\ud83d", "\ude00 "][n // 10 % 3] if n % 10 == 0 else f"{n} " for n in range(3000)]


@asynccontextmanager
async def viewer(site: SiteProcess, session: str) -> AsyncIterator[ChatClient]:
    async with ChatClient(site.socket_url, site.headers(session)) as client:
        yield client


def replies(client: ChatClient) -> list[dict[str, Any]]:
    """The frames that answer a command."""
    return [frame for frame in client.frames if isinstance(frame, dict) and "id" in frame]


def contents(site: SiteProcess) -> dict[str, dict[str, Any]]:
    """What the database has of each answer, by its id."""
    rows = site.django(
        """
        from chat.models import Message
        result = {str(m.pk): {"text": m.content, "status": m.status}
                  for m in Message.objects.filter(role="assistant")}
        """
    )
    return dict(rows)


@pytest.mark.parametrize(
    ("server", "database_url"),
    [("daphne", "sqlite"), ("uvicorn", "postgresql")],
    indirect=["database_url"],
)
async def test_kill_9_loses_at_most_250_ms_and_never_a_message(
    server: ServerName, database_url: str, tmp_path: Path, scripted_upstream: ScriptedUpstream
) -> None:
    scripts = [Script(tokens=TOKENS, rate=RATE), Script(count=3000, rate=RATE)]
    with SiteProcess(
        tmp_path, server, database_url=database_url, OPENAI_BASE_URL=scripted_upstream.base_url
    ) as site:
        session = site.sign_in("ada")
        async with viewer(site, session) as client:
            accepted = []
            for script in scripts:
                scripted_upstream.script(script)
                accepted.append(await client.send("go"))
            for one in accepted:
                await client.text(one["generation"], 1000)
            last = await client.send("one more, accepted and hardly begun")
            await asyncio.to_thread(site.kill)
            await client.until(lambda: client.close_code)
            shown_at_kill = {a["generation"]: client.shown[a["generation"]].text for a in accepted}
            # Nobody lived: the time counts from the next process's start.
            started = time.monotonic()
            await asyncio.to_thread(site.start)
            await client.connect()
            for one, script in zip(accepted, scripts, strict=True):
                generation = one["generation"]
                end = await client.ended(generation, 20)
                assert time.monotonic() - started <= 15
                assert (end["status"], end["reason"]) == ("interrupted", "crashed")
                text = client.shown[generation].text
                assert script.text.startswith(text)
                lost = len(shown_at_kill[generation]) - len(text)
                longest = len("token2999 ")
                assert lost <= 0.25 * RATE * longest, f"{lost} characters lost"
                assert contents(site)[one["assistant_message"]] == {"text": text, "status": "interrupted"}
            assert (await client.ended(last["generation"], 20))["status"] in ("interrupted", "complete")
            for one in accepted:
                scripted_upstream.script(Script(tokens=["and ", "so on"]))
                before = client.shown[one["generation"]].text
                more = await client.ask("continue", message=one["assistant_message"])
                await client.ended(more["generation"])
                assert client.shown[more["generation"]].text == before + "and so on"
            assert not client.mismatches


@SERVERS
async def test_sigterm_under_load_tells_the_sockets_and_keeps_every_accepted_message(
    server: ServerName, tmp_path: Path, scripted_upstream: ScriptedUpstream
) -> None:
    drain = 2
    scripted_upstream.default = Script(count=100_000, rate=50)
    with SiteProcess(
        tmp_path,
        server,
        OPENAI_BASE_URL=scripted_upstream.base_url,
        LLMCHAT_DRAIN_SECONDS=str(drain),
        LLMCHAT_MAX_RUNNING_PER_USER="30",
    ) as site:
        session = site.sign_in("ada")
        async with viewer(site, session) as client, viewer(site, session) as sender:
            accepted = [await client.send(f"go {n}") for n in range(20)]
            for one in accepted:
                await client.text(one["generation"], 20)
            short = Script(count=40, rate=50)
            scripted_upstream.script(short)
            ends_itself = await client.send("short")

            async def keep_sending() -> list[dict[str, Any]]:
                ids: list[str] = []
                with contextlib.suppress(websockets.ConnectionClosed):
                    while sender.close_code is None:
                        ids.append(await sender.say("send", text="more", conversation=None))
                        await sender.until(
                            lambda: sender.close_code or any(f.get("id") == ids[-1] for f in replies(sender))
                        )
                return [f for f in replies(sender) if f["type"] == "accepted"]

            sending = asyncio.create_task(keep_sending())
            await asyncio.sleep(0.2)
            terminating = asyncio.create_task(asyncio.to_thread(site.terminate))
            started = time.monotonic()
            await client.until(lambda: client.close_code, 3)
            assert time.monotonic() - started < 1
            assert client.close_code == (4012 if server == "daphne" else 1012)
            assert await terminating <= drain + 2
            accepted += await asyncio.wait_for(sending, 5)
        rows = contents(site)
        for one in accepted:
            row = rows[one["assistant_message"]]
            assert row["status"] == "interrupted"
            assert scripted_upstream.default.text.startswith(row["text"])
        assert rows[ends_itself["assistant_message"]] == {"text": short.text, "status": "complete"}
        reasons = site.django(
            """
            from chat.models import Generation
            result = list(Generation.objects.filter(status="interrupted").values_list("reason", flat=True))
            """
        )
        assert set(reasons) == {"drained"}


@SERVERS
async def test_a_second_signal_checkpoints_now(
    server: ServerName, tmp_path: Path, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.default = Script(count=100_000, rate=50)
    with SiteProcess(
        tmp_path, server, OPENAI_BASE_URL=scripted_upstream.base_url, LLMCHAT_DRAIN_SECONDS="30"
    ) as site:
        session = site.sign_in("ada")
        async with viewer(site, session) as client:
            accepted = await client.send("go")
            await client.text(accepted["generation"], 20)
            site.signal()
            await client.until(lambda: client.close_code, 3)
            started = time.monotonic()
            site.signal()
            await asyncio.to_thread(site.wait)
            assert time.monotonic() - started < 4
        assert contents(site)[accepted["assistant_message"]]["status"] == "interrupted"


@SERVERS
async def test_tabs_that_come_back_while_the_server_goes_do_not_spoil_its_end(
    server: ServerName, tmp_path: Path, scripted_upstream: ScriptedUpstream
) -> None:
    scripted_upstream.default = Script(count=100_000, rate=50)
    with SiteProcess(
        tmp_path, server, OPENAI_BASE_URL=scripted_upstream.base_url, LLMCHAT_DRAIN_SECONDS="1"
    ) as site:
        session = site.sign_in("ada")

        async def keep_coming_back() -> None:
            while site.alive:
                with contextlib.suppress(OSError, websockets.WebSocketException):
                    async with websockets.connect(
                        site.socket_url, additional_headers=site.headers(session)
                    ) as tab:
                        await tab.wait_closed()

        async with viewer(site, session) as client, asyncio.TaskGroup() as tabs:
            await client.text((await client.send("go"))["generation"], 20)
            for _ in range(4):
                tabs.create_task(keep_coming_back())
            await asyncio.to_thread(site.terminate)
        # uvicorn has errors of its own for a handshake that its end has overtaken.
        assert "consumers.py" not in site.log


@contextmanager
def locked_sqlite(path: Path) -> Iterator[None]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("ROLLBACK")
    connection.close()


@contextmanager
def locked_postgresql(url: str) -> Iterator[None]:
    with psycopg.connect(url) as connection:
        connection.execute(
            "LOCK TABLE llmchat_journalchunk, llmchat_generation, llmchat_runner IN EXCLUSIVE MODE"
        )
        yield
        connection.rollback()


async def test_a_database_locked_for_ten_seconds_delays_no_stream(
    database_url: str, tmp_path: Path, scripted_upstream: ScriptedUpstream
) -> None:
    script = Script(count=600, rate=50)
    with SiteProcess(
        tmp_path, "daphne", database_url=database_url, OPENAI_BASE_URL=scripted_upstream.base_url
    ) as site:
        session = site.sign_in("ada")
        async with viewer(site, session) as client:
            accepted = []
            for _ in range(3):
                scripted_upstream.script(script)
                accepted.append(await client.send("go"))
            lock = (
                locked_postgresql(database_url) if database_url else locked_sqlite(tmp_path / "site.sqlite3")
            )
            with lock:
                sending = asyncio.create_task(client.say("send", text="in the dark", conversation=None))
                until = time.monotonic() + 10
                while time.monotonic() < until:
                    lengths = {a["generation"]: len(client.shown[a["generation"]].text) for a in accepted}
                    await asyncio.sleep(1)
                    for generation, length in lengths.items():
                        assert len(client.shown[generation].text) > length, "the stream stood still"
                dark = await sending
            reply = await client.frame(lambda f: isinstance(f, dict) and f.get("id") == dark, 0, 15)
            assert reply["type"] == "accepted" or reply["code"] == "unavailable"
            for one in accepted:
                end = await client.ended(one["generation"], 15)
                assert end["status"] == "complete"
                assert client.shown[one["generation"]].text == script.text
                assert contents(site)[one["assistant_message"]]["text"] == script.text
            assert not client.mismatches


async def test_a_database_whose_connections_are_cut_loses_no_text(
    postgresql_url: str, tmp_path: Path, scripted_upstream: ScriptedUpstream
) -> None:
    from tests.servers import fresh_database

    script = Script(count=500, rate=50)
    with (
        fresh_database(postgresql_url) as url,
        SiteProcess(
            tmp_path, "uvicorn", database_url=url, OPENAI_BASE_URL=scripted_upstream.base_url
        ) as site,
        psycopg.connect(postgresql_url, autocommit=True) as admin,
    ):
        session = site.sign_in("ada")
        name = url.rpartition("/")[2].partition("?")[0]
        async with viewer(site, session) as client:
            scripted_upstream.script(script)
            accepted = await client.send("go")
            await client.text(accepted["generation"], 50)
            until = time.monotonic() + 5
            while time.monotonic() < until:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
                )
                await asyncio.sleep(0.3)
            end = await client.ended(accepted["generation"], 20)
            assert end["status"] == "complete"
            assert client.shown[accepted["generation"]].text == script.text
            assert client.close_code is None


async def wake(client: ChatClient, one: dict[str, Any], script: Script) -> None:
    """A stalled tab begins to acknowledge; one that was sent away meanwhile comes back."""
    client.acks = True
    shown = client.shown[one["generation"]]
    await client.acknowledge()
    while shown.end is None:
        await client.until(lambda: client.close_code or shown.end or len(shown.text) == len(script.text), 30)
        if client.close_code is not None:
            await client.connect()
        await client.acknowledge()
        await asyncio.sleep(0.01)
    assert client.shown[one["generation"]].text == script.text
    assert not client.mismatches


@pytest.mark.parametrize("rate", [1000])
async def test_twenty_stalled_tabs_cost_a_window_each_and_wake_to_the_right_text(
    rate: int, tmp_path: Path, scripted_upstream: ScriptedUpstream
) -> None:
    """20 MB of answers on daphne, which has no back-pressure of its own."""
    megabyte = Script(count=10_000, pattern="x" * 92 + "{n} " + "\n", rate=rate)
    assert len(megabyte.text) >= 950_000
    with SiteProcess(
        tmp_path,
        "daphne",
        OPENAI_BASE_URL=scripted_upstream.base_url,
        LLMCHAT_MAX_RUNNING_PER_USER="50",
        LLMCHAT_MAX_SOCKETS_PER_USER="60",
        LLMCHAT_MAX_ANSWER_CHARS="2000000",
        LLMCHAT_COMMANDS_PER_MINUTE="0",
    ) as site:
        session = site.sign_in("ada")
        headers = site.headers(session)
        stalled = [ChatClient(site.socket_url, headers, acks=False) for _ in range(20)]
        reading = [ChatClient(site.socket_url, headers) for _ in range(20)]
        for client in (*stalled, *reading):
            await client.connect()
        scripted_upstream.default = Script(count=3)
        warm = await reading[0].send("warm")
        await reading[0].ended(warm["generation"])
        process = psutil.Process(site.process.pid)
        before = process.memory_info().rss
        scripted_upstream.default = megabyte
        accepted = []
        for still, reader in zip(stalled, reading, strict=True):
            one = await reader.send("go")
            accepted.append(one)
            await still.watch(one["conversation"])
        peak = before
        for one, reader in zip(accepted, reading, strict=True):
            while reader.shown[one["generation"]].end is None:
                peak = max(peak, process.memory_info().rss)
                await asyncio.sleep(0.1)
        grown = (peak - before) / 2**20
        sizes = []
        for client in stalled:
            answers = [
                f for f in client.frames if isinstance(f, list) or f["type"] in ("begin", "snapshot", "end")
            ]
            encoded = [len(json.dumps(f, separators=(",", ":"), ensure_ascii=False)) for f in answers]
            assert sum(encoded) <= 256 * 1024 + max(encoded)
            sizes.append(sum(encoded))
        assert min(sizes) > 100_000
        assert grown <= 40, f"the process has grown by {grown:.1f} MB"
        wakings = (wake(client, one, megabyte) for one, client in zip(accepted, stalled, strict=True))
        await asyncio.gather(*wakings)
        for client in (*stalled, *reading):
            await client.close()


async def test_two_hundred_streams_cost_at_most_ten_write_transactions_a_second(
    postgresql_url: str, tmp_path: Path, scripted_upstream: ScriptedUpstream
) -> None:
    from tests.servers import fresh_database

    scripted_upstream.default = Script(count=100_000, rate=20)
    with (
        fresh_database(postgresql_url) as url,
        SiteProcess(
            tmp_path,
            "uvicorn",
            database_url=url,
            OPENAI_BASE_URL=scripted_upstream.base_url,
            LLMCHAT_MAX_RUNNING_PER_USER="250",
            LLMCHAT_COMMANDS_PER_MINUTE="0",
        ) as site,
        psycopg.connect(url, autocommit=True) as probe,
    ):
        async with viewer(site, site.sign_in("ada")) as client:
            accepted = [await client.send("go") for _ in range(200)]
            for one in accepted:
                await client.text(one["generation"], 5, 30)

            def transactions() -> int:
                row = probe.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint").fetchone()
                assert row is not None
                return int(row[0])

            before, started = transactions(), time.monotonic()
            await asyncio.sleep(5)
            rate = (transactions() - before) / (time.monotonic() - started)
            assert len([1 for shown in client.shown.values() if shown.end is None]) == 200
            assert rate <= 10, f"{rate:.1f} write transactions a second"
