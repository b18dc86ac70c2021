"""Laws 1 to 3 under any order of commands, cuts, stops, deletions and upstream faults."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from functools import cache
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from chat.models import LIVE, Conversation, Generation, Message
from chat.testing.script import Script
from chat.testing.scripted_upstream import ScriptedUpstream
from tests.insite import InSite, running_site
from tests.laws.test_deletion import delete
from tests.wsclient import ChatClient

T = TypeVar("T")

SCRIPTS: list[dict[str, Any]] = [
    {"count": 5},
    {"count": 400, "rate": 400},
    {"count": 100_000, "rate": 100},
    {"tokens": ["a\0", "\U0001f600", "\u2028", "e\u0301"] * 20, "rate": 400},
    {"count": 50, "rate": 400, "fault": "reset", "fault_at": 20},
    {"count": 50, "fault": "end", "fault_at": 20},
    {"count": 50, "fault": "garbage", "fault_at": 10},
    {"count": 50, "fault": "error_event", "fault_at": 10},
    {"fault": "hang"},
    {"count": 50, "fault": "hang", "fault_at": 10},
    {"status": 500, "body": "{}"},
    {"count": 0},
]


async def until(condition: Callable[[], bool]) -> None:
    """Waits for something that has no event of its own: counts that return to zero."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came true")


@cache
def text_of(script: str) -> str:
    return Script(**json.loads(script)).text


class World:
    """A site in an event loop on a thread of its own, for rules that are not coroutines."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.stack = AsyncExitStack()
        self.upstream = ScriptedUpstream()
        self.upstream.start()
        self.site: InSite = self.run(self.stack.enter_async_context(self._site()))
        self.users = 0

    def _site(self) -> Any:
        return running_site(
            self.upstream,
            MAX_RUNNING_PER_USER=3,
            COMMANDS_PER_MINUTE=0,
            FIRST_TOKEN_TIMEOUT=1,
            IDLE_TIMEOUT=1,
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def close(self) -> None:
        self.run(self.stack.aclose())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
        self.upstream.stop()


class Laws(RuleBasedStateMachine):
    """Two tabs of one user against one site."""

    world: ClassVar[World]
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        world = self.world
        world.users += 1
        self.cookie = self.run(world.site.user(f"user{world.users}"))
        self.tabs: list[ChatClient] = [self.run(world.site.client(self.cookie)) for _ in range(2)]
        self.accepted: list[dict[str, Any]] = []
        #: The script of each generation, and what is to be shown: what stood there, what is said.
        self.scripts: dict[int, str] = {}
        self.said: dict[int, tuple[str, str]] = {}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        Laws.steps += 1
        return self.world.run(work)

    def choose(self, n: int) -> dict[str, Any] | None:
        return self.accepted[n % len(self.accepted)] if self.accepted else None

    def command(self, tab: int, script: str, **fields: Any) -> None:
        client = self.tabs[tab]
        if client.close_code is not None:
            return
        reply = self.run(client.ask(**fields))
        if reply["type"] == "accepted":
            self.accepted.append(reply)
            self.scripts[reply["generation"]] = script
            message = self.run(self.world.site.db(Message.objects.get, pk=reply["assistant_message"]))
            base = message.content if fields["type"] == "continue" else ""
            self.said[reply["generation"]] = (base, text_of(script))
        else:
            assert reply["code"] in ("busy", "conflict", "not_found", "rate_limited"), reply

    @rule(tab=st.integers(0, 1), script=st.sampled_from(SCRIPTS), n=st.integers(0, 50), new=st.booleans())
    def send(self, tab: int, script: dict[str, Any], n: int, new: bool) -> None:
        target = None if new else self.choose(n)
        conversation = target["conversation"] if target else None
        self.command(tab, json.dumps(script), type="send", text=json.dumps(script), conversation=conversation)

    @rule(tab=st.integers(0, 1), script=st.sampled_from(SCRIPTS), n=st.integers(0, 50))
    def edit(self, tab: int, script: dict[str, Any], n: int) -> None:
        if target := self.choose(n):
            text = json.dumps(script)
            self.command(tab, text, type="edit", text=text, message=target["user_message"])

    @rule(tab=st.integers(0, 1), n=st.integers(0, 50), again=st.booleans())
    def regenerate_or_continue(self, tab: int, n: int, again: bool) -> None:
        if target := self.choose(n):
            kind = "regenerate" if again else "continue"
            script = self.scripts[target["generation"]] if again else "{}"
            self.command(tab, script, type=kind, message=target["assistant_message"])

    @rule(tab=st.integers(0, 1), n=st.integers(0, 50))
    def stop(self, tab: int, n: int) -> None:
        client = self.tabs[tab]
        if (target := self.choose(n)) and client.close_code is None:
            self.run(client.say("stop", generation=target["generation"]))

    @rule(tab=st.integers(0, 1))
    def cut_and_come_back(self, tab: int) -> None:
        self.run(self.tabs[tab].cut())
        self.run(self.tabs[tab].connect())

    @rule(tab=st.integers(0, 1), n=st.integers(0, 50))
    def watch(self, tab: int, n: int) -> None:
        client = self.tabs[tab]
        if (target := self.choose(n)) and client.close_code is None:
            self.run(client.watch(target["conversation"]))

    @rule(n=st.integers(0, 50))
    def delete(self, n: int) -> None:
        if target := self.choose(n):
            gone = target["conversation"]
            self.run(delete(self.world.site, self.cookie, gone))
            self.accepted = [other for other in self.accepted if other["conversation"] != gone]
            for client in self.tabs:
                client.watched.discard(gone)

    @rule(seconds=st.sampled_from([0.0, 0.02, 0.1, 0.3]))
    def wait(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @invariant()
    def what_is_shown_is_a_prefix_of_what_was_said(self) -> None:
        for client in self.tabs:
            assert not client.violations
            assert not client.mismatches
            for generation, shown in dict(client.shown).items():
                assert shown.ends <= 1
                if generation in self.said:
                    base, said = self.said[generation]
                    assert (base + said).startswith(shown.text) or base.startswith(shown.text)

    def teardown(self) -> None:
        """Everything comes to its one end, every tab to the same text, every count to zero."""
        world = self.world
        client = self.tabs[0]
        for target in self.accepted:
            self.run(client.say("stop", generation=target["generation"]))
        self.run(self._quiet())
        for tab in self.tabs:
            self.run(tab.cut())
            self.run(tab.connect())
            for target in self.accepted:
                self.run(tab.watch(target["conversation"], seen={str(target["generation"]): -1}))
        for target in self.accepted:
            generation = target["generation"]
            row = self.run(world.site.db(Generation.objects.get, pk=generation))
            content = self.run(
                world.site.db(lambda t=target: Message.objects.get(pk=t["assistant_message"]).content)
            )
            for tab in self.tabs:
                end = self.run(tab.ended(generation))
                assert (end["status"], end["crc32"]) == (row.status, row.crc32)
                assert content.startswith(tab.shown[generation].text)
                assert not tab.mismatches
        assert not self.run(world.site.db(Generation.objects.filter(status__in=LIVE).exists))
        for tab in self.tabs:
            self.run(tab.close())
        self.run(self._gone())

    async def _quiet(self) -> None:
        await until(lambda: not self.world.site.runner.pumps)

    async def _gone(self) -> None:
        runner = self.world.site.runner
        await until(lambda: not (runner.hub.sockets or runner.admission.running or runner.admission.queued))
        await until(lambda: not self.world.upstream.live)
        assert runner.tasks <= 7
        assert not any(log.watchers for log in runner.logs.values())
        assert runner.counters["checksum_mismatch"] == 0


@pytest.fixture
def world(transactional_db: None) -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.mark.slow
def test_five_hundred_steps_of_anything(world: World) -> None:
    Laws.world = world
    Laws.steps = 0
    run_state_machine_as_test(
        Laws,
        settings=settings(
            max_examples=14,
            stateful_step_count=45,
            deadline=None,
            derandomize=True,
            # A failure is reported as it came: shrinking takes minutes against a real site.
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Laws.steps >= 500
    assert Conversation.objects.exists()
