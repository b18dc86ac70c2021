"""Who runs when: fair turns, positions, and a place that is given back whatever happens."""

from __future__ import annotations

import pytest

from chat.engine.admission import Admission
from chat.models import Owner
from chat.testing.script import Script
from tests.insite import InSite

A, B, C = Owner(user_id=1), Owner(user_id=2), Owner(user_id=3)


async def test_owners_take_turns() -> None:
    admission = Admission(1, 4, 20)
    first = admission.ask(A)
    line = [admission.ask(A) for _ in range(20)]
    other = admission.ask(B)
    assert other.position == 1
    assert line[0].position == 2
    first.release()
    assert other.admitted.is_set()
    assert not line[0].admitted.is_set()
    again = admission.ask(B)
    assert (line[0].position, again.position) == (1, 2)
    other.release()
    assert line[0].admitted.is_set()


async def test_newcomers_do_not_delay_anybody_for_ever() -> None:
    admission = Admission(1, 1, 20)
    running = admission.ask(A)
    patient = admission.ask(A)
    for n in range(10, 60):
        newcomer = admission.ask(Owner(user_id=n))
        running.release()
        if patient.admitted.is_set():
            return
        running = newcomer
    raise AssertionError("the second question of A was never admitted")


async def test_who_never_waited_does_not_stand_behind_who_waits_in_numbers() -> None:
    admission = Admission(2, 2, 30)
    long = admission.ask(C)
    for _ in range(30):
        admission.ask(A).release()
    running = admission.ask(B)
    line = [admission.ask(B) for _ in range(20)]
    asked = admission.ask(A)
    assert asked.position == 1
    running.release()
    assert asked.admitted.is_set()
    assert not line[0].admitted.is_set()
    long.release()
    assert line[0].admitted.is_set()


async def test_a_line_that_never_ends_remembers_nobody_for_ever() -> None:
    admission = Admission(1, 1, 5)
    running, waiting = admission.ask(A), admission.ask(B)
    for n in range(10, 1010):
        newcomer = admission.ask(Owner(user_id=n))
        running.release()
        running, waiting = waiting, newcomer
    assert running.admitted.is_set()
    assert len(admission._next_round) < 10


async def test_an_owners_line_has_an_end_and_others_do_not_feel_it() -> None:
    admission = Admission(1, 1, 2)
    admission.ask(A)
    assert [admission.ask(A).refused for _ in range(3)] == [False, False, True]
    assert not admission.ask(B).refused


async def test_one_owner_cannot_take_more_than_a_share() -> None:
    admission = Admission(10, 2, 5)
    tickets = [admission.ask(A) for _ in range(4)]
    assert [ticket.admitted.is_set() for ticket in tickets] == [True, True, False, False]
    assert admission.ask(B).admitted.is_set()
    tickets[0].release()
    assert tickets[2].admitted.is_set()


async def test_releasing_twice_or_while_waiting_gives_back_one_place() -> None:
    admission = Admission(1, 1, 5)
    first, second, third = (admission.ask(owner) for owner in (A, A, B))
    second.release()
    second.release()
    assert third.position == 1
    first.release()
    first.release()
    assert third.admitted.is_set()
    third.release()
    assert (admission.running, admission.queued) == (0, 0)


@pytest.mark.chat(MAX_RUNNING=1, COMMANDS_PER_MINUTE=0)
async def test_one_slot_a_queues_twenty_then_b_sends_and_runs_second(site: InSite) -> None:
    a, b = await site.client(await site.user("a")), await site.client(await site.user("b"))
    site.upstream.script(Script(count=50, rate=50))
    running = await a.send("a0")
    for n in range(1, 21):
        await a.send(f"a{n}")
    full = await a.ask("send", text="a21", conversation=None)
    assert full["code"] == "rate_limited"
    accepted = await b.send("b")
    event = await b.frame(lambda f: isinstance(f, dict) and f.get("kind") == "queued")
    assert event["position"] == 1
    await a.say("stop", generation=running["generation"])
    await b.ended(accepted["generation"], 20)
    asked = [seen.body["messages"][-1]["content"] for seen in site.upstream.seen]
    assert asked[:2] == ["a0", "b"]


@pytest.mark.chat(MAX_RUNNING=1)
async def test_positions_are_told_at_most_once_a_second_and_are_numbered(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(count=100, rate=50))
    first = await client.send("one")
    site.upstream.script(Script(count=3))
    second = await client.send("two")
    site.upstream.script(Script(count=3))
    third = await client.send("three")
    await client.say("stop", generation=first["generation"])
    for accepted in (second, third):
        end = await client.ended(accepted["generation"])
        assert end["status"] == "complete"
        assert client.shown[accepted["generation"]].text == Script(count=3).text
    events = client.shown[third["generation"]].events
    assert [event["kind"] for event in events] == ["queued"] * len(events)
    assert 1 <= len(events) <= 2
    assert not client.violations
