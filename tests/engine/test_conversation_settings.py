"""A conversation's own system prompt and parameters: kept with it, and heard by the model."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from chat.models import Conversation
from tests.insite import InSite

OPTIONS = {"temperature": 0.2, "max_tokens": 50, "reasoning_effort": "low"}


async def asked(site: InSite, number: int) -> dict[str, Any]:
    """The body of the request that is the upstream's `number`th."""
    seen = await site.upstream.await_requests(number)
    body: dict[str, Any] = seen[number - 1].body
    return body


@pytest.mark.chat(SYSTEM_PROMPT="You work for a bakery.")
async def test_what_a_conversation_begins_with_holds_for_all_its_answers(site: InSite) -> None:
    client = await site.client(await site.user())
    first = await client.send("go", options=OPTIONS, system_prompt="Speak like a pirate.")
    await client.ended(first["generation"])
    again = await client.ask("regenerate", message=first["assistant_message"])
    await client.ended(again["generation"])
    hotter = await client.send("more", first["conversation"], options={"temperature": 1})
    await client.ended(hotter["generation"])
    for number in (1, 2, 3):
        body = await asked(site, number)
        said = {"role": "system", "content": "You work for a bakery.\n\nSpeak like a pirate."}
        assert body["messages"][0] == said
        assert {name: body[name] for name in OPTIONS} == OPTIONS | ({"temperature": 1} if number == 3 else {})


async def test_both_are_read_and_changed_over_http(site: InSite) -> None:
    cookie = await site.user()
    client = await site.client(cookie)
    first = await client.send("go", options=OPTIONS)
    await client.ended(first["generation"])
    address = f"{site.origin}/api/conversations/{first['conversation']}/"
    cookies = {"sessionid": cookie, "csrftoken": "x" * 32}
    headers = {"X-CSRFToken": "x" * 32, "Origin": site.origin}
    async with aiohttp.ClientSession(cookies=cookies, headers=headers) as session:
        change = {"system_prompt": " Be brief.\0 ", "options": {"top_p": 0.5}}
        async with session.patch(address, json=change) as response:
            assert response.status == 200, await response.text()
        async with session.get(address) as response:
            detail = await response.json()
        assert (detail["system_prompt"], detail["options"]) == ("Be brief.", {"top_p": 0.5})
        for wrong in (
            {"options": {"temperature": 3}},
            {"options": {"stop": ["\0"]}},
            {"system_prompt": "x" * 20_001},
        ):
            async with session.patch(address, json=wrong) as response:
                assert response.status == 400
    row = await site.db(Conversation.objects.get)
    assert (row.system_prompt, row.options) == ("Be brief.", {"top_p": 0.5})


@pytest.mark.parametrize(
    "wrong",
    [
        {"options": {"reasoning_effort": "enormous"}},
        {"system_prompt": "x" * 20_001},
        {"system_prompt": "a\0b"},
    ],
)
async def test_what_no_model_could_take_is_refused(site: InSite, wrong: dict[str, Any]) -> None:
    client = await site.client(await site.user())
    reply = await client.ask("send", text="go", conversation=None, **wrong)
    assert (reply["type"], reply["code"]) == ("error", "bad_frame")
