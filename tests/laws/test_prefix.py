"""Law 1 and 2: what is shown is a prefix of what was said, whatever happens to the socket."""

from __future__ import annotations

import asyncio
import random

import pytest

from chat.engine.follower import Follower
from chat.testing.script import Script
from tests.insite import InSite

#: Ten thousand tokens with everything that has ever broken a stream.
AWKWARD = [
    *("word ", "\U0001f600", "\u2028", "nul\0", "e\u0301", "\ud83d", "\ude00 "),
    *("\u00fcn\u00ef ", "\u6f22\u5b57", "\u0085", "\r\n", '"\\', "\ud800", " \U0001f469\u200d\U0001f467 "),
]
TOKENS = [AWKWARD[n % len(AWKWARD)] if n % 3 else f"{n} " for n in range(10_000)]


@pytest.mark.slow
async def test_ten_thousand_tokens_over_a_socket_cut_a_hundred_and_fifty_times(site: InSite) -> None:
    script = Script(tokens=TOKENS, rate=500)
    cookie = await site.user()
    client = await site.client(cookie)
    site.upstream.script(script)
    accepted = await client.send("go")
    generation = accepted["generation"]
    chance = random.Random(1)
    while client.shown.get(generation) is None or client.shown[generation].end is None:
        shown = client.shown.get(generation)
        assert shown is None or script.text.startswith(shown.text)
        if client.connections > 160:
            await client.ended(generation, 60)
            break
        await asyncio.sleep(chance.uniform(0.01, 0.15))
        await client.cut()
        await client.connect()
    assert client.connections > 150
    shown = client.shown[generation]
    assert shown.text == script.text
    assert shown.end is not None
    assert shown.end["status"] == "complete"
    assert shown.ends == 1
    assert not client.violations
    assert not client.mismatches
    assert site.runner.counters["checksum_mismatch"] == 0


async def test_cut_exactly_at_the_end_the_answer_is_complete_on_return(site: InSite) -> None:
    client = await site.client(await site.user())
    script = Script(count=30, rate=300)
    for lag in range(0, 6):
        site.upstream.script(script)
        accepted = await client.send("go")
        generation = accepted["generation"]
        async for _ in Follower(site.runner.logs[generation]).texts():
            pass
        # The end is in the log and in the row; whether it has been sent is a matter of microseconds.
        await client.cut()
        if lag % 2:
            site.runner.logs.clear()
        await client.connect()
        end = await client.ended(generation)
        assert end["status"] == "complete"
        assert client.shown[generation].text == script.text
    assert not client.violations


async def test_every_viewer_of_one_answer_shows_the_same(site: InSite) -> None:
    cookie = await site.user()
    first = await site.client(cookie)
    script = Script(tokens=TOKENS[:600], rate=400)
    site.upstream.script(script)
    accepted = await first.send("go")
    viewers = [first]
    for _ in range(5):
        viewer = await site.client(cookie)
        await viewer.watch(accepted["conversation"])
        viewers.append(viewer)
        await asyncio.sleep(0.1)
    for viewer in viewers:
        await viewer.ended(accepted["generation"])
        assert viewer.shown[accepted["generation"]].text == script.text
        assert not viewer.violations
        assert not viewer.mismatches


async def test_a_client_that_claims_more_than_there_is_gets_a_snapshot(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(count=5))
    accepted = await client.send("go")
    end = await client.ended(accepted["generation"])
    for stored in (False, True):
        if stored:
            site.runner.logs.clear()
        since = len(client.frames)
        generation = accepted["generation"]
        await client.say(
            "watch", conversation=accepted["conversation"], seen={str(generation): end["n"] + 50}
        )
        snapshot = await client.frame(lambda f: isinstance(f, dict) and f["type"] == "snapshot", since)
        again = await client.frame(lambda f: isinstance(f, dict) and f["type"] == "end", since)
        assert (snapshot["text"], snapshot["n"] + 1) == (Script(count=5).text, again["n"])


async def test_an_end_that_was_seen_is_sent_again_without_text(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(count=5))
    accepted = await client.send("go")
    generation = accepted["generation"]
    end = await client.ended(generation)
    for stored in (False, True):
        if stored:
            site.runner.logs.clear()
        since = len(client.frames)
        await client.say("watch", conversation=accepted["conversation"], seen={str(generation): end["n"]})
        again = await client.frame(lambda f: isinstance(f, dict) and f["type"] == "end", since)
        assert again == end
        await client.ask("ping")
        assert not [f for f in client.frames[since:] if isinstance(f, list) or f["type"] == "snapshot"]


async def test_a_reported_mismatch_is_counted_and_repaired_by_a_snapshot(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(count=200, rate=200))
    accepted = await client.send("go")
    generation = accepted["generation"]
    await client.text(generation, 20)
    client.shown[generation].text += "corrupted"
    await client.ended(generation)
    assert client.mismatches == 1
    assert client.shown[generation].text == Script(count=200).text
    assert site.runner.counters["checksum_mismatch"] == 1


async def test_a_hole_is_filled_by_watching_again(site: InSite) -> None:
    client = await site.client(await site.user())
    site.upstream.script(Script(count=100, rate=200))
    accepted = await client.send("go")
    generation = accepted["generation"]
    await client.text(generation, 20)
    client.shown[generation].last -= 1
    client.shown[generation].text = client.shown[generation].text[:-1]
    await client.ended(generation)
    assert client.shown[generation].text == Script(count=100).text


async def test_a_continuation_that_ended_without_a_frame_is_shown_with_what_stood_there(site: InSite) -> None:
    cookie = await site.user()
    client = await site.client(cookie)
    site.upstream.script(Script(count=3, fault="end", fault_at=3), Script(status=401, body="{}"))
    accepted = await client.send("go")
    await client.ended(accepted["generation"])
    more = await client.ask("continue", message=accepted["assistant_message"])
    assert (await client.ended(more["generation"]))["n"] == 1
    site.runner.logs.clear()
    fresh = await site.client(cookie)
    await fresh.watch(accepted["conversation"], seen={str(more["generation"]): -1})
    end = await fresh.ended(more["generation"])
    assert fresh.shown[more["generation"]].text == Script(count=3).text
    assert end["error"]["code"] == "upstream_auth"
    assert (fresh.mismatches, site.runner.counters["checksum_mismatch"]) == (0, 0)


async def test_the_text_of_an_earlier_generation_stays_its_own_after_a_continuation(site: InSite) -> None:
    cookie = await site.user()
    client = await site.client(cookie)
    site.upstream.script(Script(count=500, rate=100))
    accepted = await client.send("go")
    first = accepted["generation"]
    await client.text(first, 20)
    await client.say("stop", generation=first)
    end = await client.ended(first)
    site.upstream.script(Script(tokens=["more"]))
    more = await client.ask("continue", message=accepted["assistant_message"])
    await client.ended(more["generation"])
    site.runner.logs.clear()
    late = await site.client(cookie)
    await late.say(
        "watch", conversation=accepted["conversation"], seen={str(first): -1, str(more["generation"]): -1}
    )
    assert (await late.ended(first))["crc32"] == end["crc32"]
    await late.ended(more["generation"])
    assert late.shown[more["generation"]].text == late.shown[first].text + "more"
