"""Every command of the protocol: done, refused to strangers, refused in the wrong state, given twice."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from chat.engine.follower import Follower
from chat.models import Conversation, Generation, Message, SearchEntry
from chat.testing.script import Script
from tests.insite import InSite
from tests.wsclient import ChatClient

SLOW = Script(count=500, rate=50)


async def first_answer(site: InSite, client: ChatClient, script: Script | None = None) -> dict[str, Any]:
    site.upstream.script(script or Script(count=3))
    accepted = await client.send("hello")
    await client.ended(accepted["generation"])
    return accepted


async def stopped_answer(site: InSite, client: ChatClient) -> dict[str, Any]:
    site.upstream.script(SLOW)
    accepted = await client.send("hello")
    await client.text(accepted["generation"], 10)
    await client.say("stop", generation=accepted["generation"])
    end = await client.ended(accepted["generation"])
    assert end["status"] == "stopped"
    return accepted


async def command_for(site: InSite, client: ChatClient, kind: str) -> dict[str, Any]:
    """The fields of a creating command that would be accepted now."""
    if kind == "new":
        return {"type": "send", "text": "hello", "conversation": None}
    if kind == "continue":
        accepted = await stopped_answer(site, client)
        return {"type": "continue", "message": accepted["assistant_message"]}
    accepted = await first_answer(site, client)
    return {
        "send": {"type": "send", "text": "more", "conversation": accepted["conversation"]},
        "edit": {"type": "edit", "text": "other", "message": accepted["user_message"]},
        "regenerate": {"type": "regenerate", "message": accepted["assistant_message"]},
    }[kind]


CREATING = ["new", "send", "edit", "regenerate", "continue"]


async def test_send_streams_the_answer_and_keeps_it(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(count=30, rate=100))
    accepted = await client.send("hello there")
    assert accepted["duplicate"] is False
    end = await client.ended(accepted["generation"])
    assert (end["status"], end["finish_reason"], end["error"]) == ("complete", "stop", None)
    text = client.shown[accepted["generation"]].text
    assert text == Script(count=30).text
    message = await site.db(Message.objects.get, pk=accepted["assistant_message"])
    assert (message.content, message.status) == (text, "complete")
    kinds = [f[1] if isinstance(f, list) else f["type"] for f in client.frames]
    assert kinds.index("accepted") < kinds.index("begin")
    assert len([f for f in client.frames if isinstance(f, list)]) >= 3
    assert not client.violations


async def test_send_below_the_last_answer_gives_the_model_the_history(site: InSite) -> None:
    client = await site.client(await site.user())
    accepted = await first_answer(site, client)
    second = await client.send("and now?", accepted["conversation"])
    await client.ended(second["generation"])
    messages = site.upstream.seen[-1].body["messages"]
    assert [m["role"] for m in messages] == ["user", "assistant", "user"]
    assert messages[1]["content"] == Script(count=3).text


async def test_parent_null_begins_a_new_branch_at_the_root(site: InSite) -> None:
    client = await site.client(await site.user())
    accepted = await first_answer(site, client)
    second = await client.send("afresh", accepted["conversation"], parent=None)
    await client.ended(second["generation"])
    assert [m["content"] for m in site.upstream.seen[-1].body["messages"]] == ["afresh"]


async def test_edit_makes_a_sibling_and_its_answer(site: InSite) -> None:
    client = await site.client(await site.user())
    accepted = await first_answer(site, client)
    edited = await client.ask("edit", message=accepted["user_message"], text="hello again")
    assert edited["type"] == "accepted"
    await client.ended(edited["generation"])
    rows = await site.db(lambda: list(Message.objects.order_by("position").values_list("role", "parent")))
    assert [role for role, _ in rows] == ["user", "assistant", "user", "assistant"]
    assert rows[2][1] is None
    assert edited["user_message"] != accepted["user_message"]


async def test_regenerate_makes_a_sibling_of_the_answer(site: InSite) -> None:
    client = await site.client(await site.user())
    accepted = await first_answer(site, client)
    again = await client.ask("regenerate", message=accepted["assistant_message"], model="other")
    await client.ended(again["generation"])
    assert again["user_message"] == accepted["user_message"]
    assert again["assistant_message"] != accepted["assistant_message"]
    assert site.upstream.seen[-1].body["model"] == "other"


async def test_continue_goes_on_in_place_and_its_checksum_fits(site: InSite) -> None:
    client = await site.client(await site.user())
    accepted = await stopped_answer(site, client)
    before = client.shown[accepted["generation"]].text
    site.upstream.script(Script(tokens=["and ", "so ", "on."], rate=50))
    more = await client.ask("continue", message=accepted["assistant_message"])
    assert more["type"] == "accepted"
    assert more["assistant_message"] == accepted["assistant_message"]
    end = await client.ended(more["generation"])
    assert end["status"] == "complete"
    assert client.shown[more["generation"]].text == before + "and so on."
    assert not client.mismatches
    sent = site.upstream.seen[-1].body["messages"]
    assert sent[-2] == {"role": "assistant", "content": before}
    message = await site.db(Message.objects.get, pk=accepted["assistant_message"])
    assert message.content == before + "and so on."


async def test_stop_keeps_the_text_already_sent(site: InSite) -> None:
    client = await site.client(await site.user())
    accepted = await stopped_answer(site, client)
    shown = client.shown[accepted["generation"]]
    assert shown.end is not None
    assert shown.end["reason"] == "user"
    assert SLOW.text.startswith(shown.text)
    message = await site.db(Message.objects.get, pk=accepted["assistant_message"])
    assert message.content == shown.text


async def test_stop_of_an_ended_answer_sends_its_end_again(site: InSite) -> None:
    client = await site.client(await site.user())
    accepted = await first_answer(site, client)
    again = await client.ask("stop", generation=accepted["generation"])
    assert (again["type"], again["status"]) == ("end", "complete")


async def test_watch_of_an_idle_conversation_tells_its_revision(site: InSite) -> None:
    client = await site.client(await site.user())
    accepted = await first_answer(site, client)
    reply = await client.ask("watch", conversation=accepted["conversation"], seen={})
    assert (reply["type"], reply["live"], reply["revision"]) == ("watching", [], 2)


async def test_watch_with_minus_one_gives_begin_text_and_end_however_long_ago(site: InSite) -> None:
    cookie = await site.user()
    client = await site.client(cookie)
    accepted = await first_answer(site, client)
    site.runner.logs.clear()
    other = await site.client(cookie)
    await other.say("watch", conversation=accepted["conversation"], seen={str(accepted["generation"]): -1})
    await other.ended(accepted["generation"])
    assert other.shown[accepted["generation"]].text == Script(count=3).text
    assert not other.mismatches


async def test_a_second_tab_follows_a_live_answer_from_its_beginning(site: InSite) -> None:
    cookie = await site.user()
    client = await site.client(cookie)
    site.upstream.script(Script(count=100, rate=100))
    accepted = await client.send("hello")
    await client.text(accepted["generation"], 30)
    other = await site.client(cookie)
    await other.watch(accepted["conversation"])
    await client.ended(accepted["generation"])
    await other.ended(accepted["generation"])
    assert other.shown[accepted["generation"]].text == Script(count=100).text
    assert not other.mismatches


async def test_a_watching_tab_sees_what_another_tab_begins(site: InSite) -> None:
    cookie = await site.user()
    client = await site.client(cookie)
    accepted = await first_answer(site, client)
    other = await site.client(cookie)
    await other.ask("watch", conversation=accepted["conversation"], seen={})
    other.watched.add(accepted["conversation"])
    second = await client.send("more", accepted["conversation"])
    await other.ended(second["generation"])
    roles = [f["message"]["role"] for f in other.frames if isinstance(f, dict) and f["type"] == "message"]
    assert roles == ["user", "assistant"]


async def test_unwatch_ends_what_is_sent(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(SLOW)
    accepted = await client.send("hello")
    await client.text(accepted["generation"], 10)
    await client.say("unwatch", conversation=accepted["conversation"])
    await client.ask("ping")
    seen = len(client.frames)
    follower = Follower(site.runner.logs[accepted["generation"]])
    pieces = 0
    async for _ in follower.texts():
        if (pieces := pieces + 1) > 15:
            break
    follower.close()
    await client.ask("ping")
    assert [f for f in client.frames[seen:] if isinstance(f, list)] == []


async def test_ping_is_answered_with_its_id(site: InSite) -> None:
    client = await site.client(await site.user())
    reply = await client.ask("ping")
    assert reply["type"] == "pong"


@pytest.mark.parametrize("kind", ["send", "edit", "regenerate", "continue"])
async def test_a_strangers_conversation_is_not_found(site: InSite, kind: str) -> None:
    owner = await site.client(await site.user("ada"))
    command = await command_for(site, owner, kind)
    stranger = await site.client(await site.user("eve"))
    reply = await stranger.ask(**command)
    assert (reply["type"], reply["code"]) == ("error", "not_found")


async def test_a_stranger_can_neither_stop_nor_watch(site: InSite) -> None:
    owner = await site.client(await site.user("ada"))
    site.upstream.script(SLOW)
    accepted = await owner.send("hello")
    stranger = await site.client(await site.user("eve"))
    reply = await stranger.ask("stop", generation=accepted["generation"])
    assert reply["code"] == "not_found"
    reply = await stranger.ask("watch", conversation=accepted["conversation"], seen={})
    assert reply["code"] == "not_found"
    assert accepted["generation"] in site.runner.pumps
    own = await first_answer(site, stranger)
    seen = {str(accepted["generation"]): -1, str(own["generation"]): -1}
    await stranger.ask("watch", conversation=own["conversation"], seen=seen)
    await stranger.ask("ping")
    assert accepted["generation"] not in stranger.shown


async def test_an_unknown_generation_or_parent_is_not_found(site: InSite) -> None:
    client = await site.client(await site.user())
    assert (await client.ask("stop", generation=10**12))["code"] == "not_found"
    reply = await client.ask("send", conversation=None, parent=str(uuid.uuid4()), text="x")
    assert reply["code"] == "not_found"
    accepted = await first_answer(site, client)
    other = await first_answer(site, client)
    reply = await client.ask(
        "send", conversation=accepted["conversation"], parent=other["assistant_message"], text="x"
    )
    assert reply["code"] == "not_found"


async def test_wrong_states_are_conflicts(site: InSite) -> None:
    client = await site.client(await site.user())
    accepted = await first_answer(site, client)
    user, answer = accepted["user_message"], accepted["assistant_message"]
    conversation = accepted["conversation"]
    for command in (
        {"type": "continue", "message": answer},
        {"type": "continue", "message": user},
        {"type": "edit", "message": answer, "text": "x"},
        {"type": "regenerate", "message": user},
        {"type": "send", "conversation": conversation, "parent": user, "text": "x"},
    ):
        assert (await client.ask(**command))["code"] == "conflict", command


async def test_continue_of_an_answer_that_has_a_reply_is_a_conflict(site: InSite) -> None:
    client = await site.client(await site.user())
    accepted = await stopped_answer(site, client)
    reply = await client.send("never mind", accepted["conversation"])
    await client.ended(reply["generation"])
    assert (await client.ask("continue", message=accepted["assistant_message"]))["code"] == "conflict"


async def test_below_an_answer_still_being_written_everything_is_busy(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(SLOW)
    accepted = await client.send("hello")
    for command in (
        {"type": "send", "conversation": accepted["conversation"], "text": "x"},
        {"type": "regenerate", "message": accepted["assistant_message"]},
        {"type": "continue", "message": accepted["assistant_message"]},
    ):
        assert (await client.ask(**command))["code"] == "busy", command


@pytest.mark.parametrize("kind", CREATING)
async def test_the_same_id_five_times_in_order_is_one_answer(site: InSite, kind: str) -> None:
    client = await site.client(await site.user())
    command = await command_for(site, client, kind)
    requests = len(site.upstream.seen)
    id = str(uuid.uuid4())
    replies = [await client.ask(**command, id=id) for _ in range(1)]
    for _ in range(4):
        since = len(client.frames)
        await client.say(**command, id=id)
        replies.append(await client.frame(lambda f: isinstance(f, dict) and f.get("id") == id, since))
    assert [r["duplicate"] for r in replies] == [False, True, True, True, True]
    assert len({r["generation"] for r in replies}) == 1
    await client.ended(replies[0]["generation"])
    assert len(site.upstream.seen) == requests + 1


@pytest.mark.parametrize("kind", CREATING)
async def test_the_same_id_five_times_at_once_is_one_answer(site: InSite, kind: str) -> None:
    cookie = await site.user()
    client = await site.client(cookie)
    command = await command_for(site, client, kind)
    requests = len(site.upstream.seen)
    tabs = [await site.client(cookie) for _ in range(5)]
    id = str(uuid.uuid4())
    replies = await asyncio.gather(*(tab.ask(**command, id=id) for tab in tabs))
    assert sorted(r["duplicate"] for r in replies) == [False, True, True, True, True]
    assert len({r["generation"] for r in replies}) == 1
    for tab in tabs:
        await tab.ended(replies[0]["generation"])
        assert not tab.mismatches
    assert len(site.upstream.seen) == requests + 1
    assert await site.db(Generation.objects.filter(command_id=id).count) == 1


async def test_the_same_id_for_something_else_is_a_conflict(site: InSite) -> None:
    client = await site.client(await site.user())
    accepted = await first_answer(site, client)
    other = await first_answer(site, client)
    id = accepted["id"]
    for command in (
        {"type": "send", "conversation": other["conversation"], "text": "x"},
        {"type": "regenerate", "message": accepted["assistant_message"]},
    ):
        since = len(client.frames)
        await client.say(**command, id=id)
        reply = await client.frame(lambda f: isinstance(f, dict) and f.get("id") == id, since)
        assert reply["code"] == "conflict"


async def test_a_refused_command_does_not_use_up_its_id(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(SLOW)
    accepted = await client.send("hello")
    id = str(uuid.uuid4())
    command = {"type": "send", "conversation": accepted["conversation"], "text": "x", "id": id}
    assert (await client.ask(**command))["code"] == "busy"
    await client.say("stop", generation=accepted["generation"])
    await client.ended(accepted["generation"])
    since = len(client.frames)
    await client.say(**command)
    reply = await client.frame(lambda f: isinstance(f, dict) and f.get("id") == id, since)
    assert reply["type"] == "accepted"


@pytest.mark.chat(MAX_RUNNING_PER_USER=1, MAX_QUEUED_PER_USER=0)
async def test_with_the_limit_reached_a_retry_is_still_accepted(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(SLOW)
    accepted = await client.send("hello")
    assert (await client.ask("send", conversation=None, text="one more"))["code"] == "rate_limited"
    since = len(client.frames)
    await client.say("send", conversation=None, text="hello", id=accepted["id"])
    reply = await client.frame(lambda f: isinstance(f, dict) and f.get("id") == accepted["id"], since)
    assert reply["duplicate"] is True


@pytest.mark.chat(COMMANDS_PER_MINUTE=2)
async def test_commands_per_minute_counts_creating_commands_only(site: InSite) -> None:
    client = await site.client(await site.user())
    await first_answer(site, client)
    accepted = await first_answer(site, client)
    reply = await client.ask("send", conversation=None, text="x")
    assert reply["code"] == "rate_limited"
    assert reply["retry_after"] > 0
    assert (await client.ask("watch", conversation=accepted["conversation"], seen={}))["type"] == "watching"
    assert (await client.ask("stop", generation=accepted["generation"]))["type"] == "end"


async def test_the_title_comes_from_the_first_words(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(count=1))
    accepted = await client.send("How do I  make\n" + "a very good bread " * 10)
    conversation = await site.db(Conversation.objects.get, pk=accepted["conversation"])
    assert conversation.title.startswith("How do I make a very good bread")
    assert len(conversation.title) <= 61
    changed = await client.frame(lambda f: isinstance(f, dict) and f["type"] == "conversation")
    assert changed["title"] == conversation.title


async def test_the_owner_s_tabs_hear_what_became_of_a_conversation(site: InSite) -> None:
    cookie = await site.user()
    client, elsewhere = await site.client(cookie), await site.client(cookie)
    site.upstream.script(Script(count=3))
    accepted = await client.send("go", temporary=True)
    await client.ended(accepted["generation"])

    def of_the_end(frame: Any) -> bool:
        return isinstance(frame, dict) and frame["type"] == "conversation" and frame["state"] != "running"

    frame = await elsewhere.frame(of_the_end)
    assert frame == {
        "type": "conversation",
        "conversation": accepted["conversation"],
        "revision": 2,
        "title": "go",
        "state": "idle",
        "temporary": True,
        "pinned": False,
        "archived": False,
        "unread": True,
    }
    row = await site.db(Conversation.objects.get, pk=accepted["conversation"])
    assert row.expires_at > row.updated
    assert not await site.db(SearchEntry.objects.exists)
