"""Whatever a client sends: an error, an open socket, a living process."""

from __future__ import annotations

import json
import random
import uuid
from typing import Any

import pytest

from chat.protocol import FrameError, parse
from chat.testing.script import Script
from tests.insite import InSite
from tests.wsclient import ChatClient


def valid(type: str) -> dict[str, Any]:
    id = str(uuid.uuid4())
    fields: dict[str, dict[str, Any]] = {
        "send": {
            "conversation": None,
            "text": "hello",
            "model": "m",
            "temporary": False,
            "options": {"seed": 1},
        },
        "edit": {"message": id, "text": "hello"},
        "regenerate": {"message": id, "model": "m"},
        "continue": {"message": id},
        "stop": {"generation": 5},
        "watch": {"conversation": id, "seen": {"5": 1}, "because": "gap"},
        "unwatch": {"conversation": id},
        "ack": {"seen": {"5": 1}},
        "ping": {},
    }
    return {"type": type, "id": id, **fields[type]}


WRONG: list[Any] = [[], {}, 1.5, True, "\0", "x" * 70_000, -5, 2**70, {"a": []}, [[]], "not-a-uuid", "\ud800"]
TYPES = ["send", "edit", "regenerate", "continue", "stop", "watch", "unwatch", "ack", "ping"]
JUNK = [
    "",
    "{",
    "null",
    "[]",
    "5",
    '"x"',
    "{}",
    '{"type":5}',
    '{"type":"no"}',
    '{"type":"send"}',
    "\0",
    "NaN",
]


def bad_frame(chance: random.Random) -> str:
    """One frame that must be refused; half of them are a known type with one field changed."""
    if chance.random() < 0.5:
        return chance.choice([*JUNK, "[" * 1000, "x" * chance.randrange(1, 70_000)])
    while True:
        command = valid(chance.choice(TYPES))
        field = chance.choice([name for name in command if name != "type"])
        how = chance.randrange(4)
        if how == 0:
            frame = json.dumps({**command, field: chance.choice(WRONG)})
        elif how == 1:
            frame = json.dumps({**command, field: "NAN"}).replace(
                '"NAN"', chance.choice(["NaN", "Infinity", "1e999"])
            )
        elif how == 2:
            frame = json.dumps({**command, field: "DEEP"}).replace('"DEEP"', "[" * 1000 + "]" * 1000)
        else:
            frame = json.dumps({name: value for name, value in command.items() if name != field})
        # Some changes leave a frame that is well-formed; these are not what is asked for here.
        try:
            parse(frame)
        except FrameError:
            return frame


@pytest.mark.slow
async def test_ten_thousand_bad_frames_with_a_good_one_after_every_fifty(site: InSite) -> None:
    chance = random.Random(7)
    client = await site.client(await site.user())
    for round in range(200):
        since = len(client.frames)
        for _ in range(50):
            await client.raw(bad_frame(chance))
        assert (await client.ask("ping"))["type"] == "pong", round
        replies = [f for f in client.frames[since:] if f["type"] != "pong"]
        assert [f["type"] for f in replies] == ["error"] * 50
        assert {f["code"] for f in replies} <= {"bad_frame", "too_large", "unknown_type"}
        client.frames.clear()
    site.upstream.script(Script(count=3))
    accepted = await client.send("still here?")
    assert (await client.ended(accepted["generation"]))["status"] == "complete"


async def bad(client: ChatClient, count: int) -> None:
    for _ in range(count):
        await client.raw('{"type": "no"}')


async def test_a_hundred_in_a_row_close_with_4400(site: InSite) -> None:
    client = await site.client(await site.user())
    await bad(client, 99)
    assert (await client.ask("ping"))["type"] == "pong"
    await bad(client, 100)
    await client.until(lambda: client.close_code)
    assert client.close_code == 4400


async def test_refused_commands_do_not_count_as_bad_frames(site: InSite) -> None:
    client = await site.client(await site.user())
    for _ in range(120):
        reply = await client.ask("stop", generation=10**9)
        assert reply["code"] == "not_found"
    assert client.close_code is None


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "bad_frame"),
        (json.dumps({"type": "nonsense", "id": str(uuid.UUID(int=1))}), "unknown_type"),
        (json.dumps({**valid("send"), "text": "a\0b"}), "bad_frame"),
        (json.dumps({**valid("send"), "text": "\ud800"}), "bad_frame"),
        (json.dumps({**valid("send"), "model": "a\0b"}), "bad_frame"),
        (json.dumps({**valid("send"), "text": "x" * 65_600}), "too_large"),
        ('{"type":"ack","seen":{"1":NaN}}', "bad_frame"),
        (json.dumps({**valid("watch"), "seen": {str(n): 1 for n in range(1, 1100)}}), "bad_frame"),
    ],
)
def test_a_frame_that_cannot_be_used_says_why(frame: str, code: str) -> None:
    with pytest.raises(FrameError) as error:
        parse(frame)
    assert error.value.code == code


def test_the_error_echoes_the_id_where_the_frame_has_one() -> None:
    id = uuid.uuid4()
    with pytest.raises(FrameError) as error:
        parse(json.dumps({"type": "send", "id": str(id), "text": 5}))
    assert error.value.id == id


def test_unknown_fields_are_ignored() -> None:
    assert parse(json.dumps({**valid("ping"), "colour": "green"}))
