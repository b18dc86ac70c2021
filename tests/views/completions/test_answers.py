"""What a client of OpenAI's API gets from `v1/chat/completions`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from chat.models import Conversation, Generation, Message, UsageRecord
from chat.testing.script import Script

from .conftest import ASK, Api, chunks_of

TOKENS = ["one ", "two\n\n", 'quotes "r"', '","r"', "\u2028\u2029\x85 ", "\U0001f600", "\\", "end"]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


def text_of(chunks: list[Any], field: str = "content") -> str:
    return "".join(
        choice["delta"].get(field) or ""
        for chunk in chunks
        if chunk != "[DONE]"
        for choice in chunk["choices"]
    )


def event(**choice: Any) -> str:
    return "data: " + json.dumps({"choices": [{"index": 0, **choice}]}) + "\n\n"


async def test_a_stream_has_a_role_the_exact_text_a_reason_and_done(api: Api) -> None:
    api.site.upstream.script(Script(tokens=TOKENS, rate=100))
    status, stream, headers = await api.ask(stream=True)
    assert (status, headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
    assert "Set-Cookie" not in headers
    assert not any(name.lower().startswith("access-control") for name in headers)
    chunks = chunks_of(stream)
    assert chunks.pop() == "[DONE]"
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert text_of(chunks) == "".join(TOKENS)
    assert chunks[-1]["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    assert headers["X-Request-Id"] == chunks[0]["id"]
    assert "usage" not in chunks[0]
    # Some clients split lines wherever Python's str.splitlines does.
    assert len(stream.splitlines()) == 2 * stream.count("data: ")


async def test_usage_comes_last_and_only_where_it_is_wanted(api: Api) -> None:
    api.site.upstream.script(Script(count=4))
    _, stream, _ = await api.ask(stream=True, stream_options={"include_usage": True})
    *chunks, last, done = chunks_of(stream)
    assert done == "[DONE]"
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 4
    assert last["usage"]["total_tokens"] == last["usage"]["prompt_tokens"] + 4
    assert all(chunk["usage"] is None for chunk in chunks)


async def test_cached_tokens_and_those_of_thoughts_are_told(api: Api) -> None:
    details = {
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    api.site.upstream.default = Script(count=4, usage={"prompt_tokens": 9, "completion_tokens": 7, **details})
    told = {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16, **details}
    assert (await api.ask())[1]["usage"] == told
    stream = (await api.ask(stream=True, stream_options={"include_usage": True}))[1]
    assert chunks_of(stream)[-2]["usage"] == told


async def test_a_whole_completion(api: Api) -> None:
    api.site.upstream.script(Script(tokens=TOKENS))
    status, completion, headers = await api.ask()
    assert (status, headers["Content-Type"]) == (200, "application/json")
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "".join(TOKENS), "refusal": None},
        "logprobs": None,
        "finish_reason": "stop",
    }
    assert completion["choices"] == [choice]
    assert (completion["object"], completion["model"]) == ("chat.completion", "scripted")
    assert completion["usage"]["completion_tokens"] == len(TOKENS)
    assert completion["id"] == headers["X-Request-Id"]


async def test_parameters_reach_the_provider_and_nothing_else_does(api: Api) -> None:
    given = {
        "temperature": 0.3,
        "max_completion_tokens": 9,
        "stop": ["a", "b"],
        "seed": 4,
        "tools": TOOLS,
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "response_format": {"type": "json_object"},
        "reasoning_effort": "low",
        "logit_bias": {"50256": -100},
        "user": "someone",
    }
    ours = {"n": 1, "store": True, "metadata": {"a": "b"}, "api_key": "x", "extra_body": {"y": 1}}
    await api.ask(**given, **ours, logprobs=False, temperature_=5)
    body = api.site.upstream.seen[0].body
    assert body == given | {
        "model": "scripted",
        "messages": ASK["messages"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert api.key not in str(api.site.upstream.seen[0].headers)


async def test_messages_of_all_kinds_reach_the_provider_as_they_are(api: Api) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages = [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "what is this?"}, picture], "name": "ada"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "rain", "tool_call_id": "c1"},
    ]
    status, _, _ = await api.ask(messages=messages)
    assert status == 200
    assert api.site.upstream.seen[0].body["messages"] == messages


async def test_tool_calls_come_as_deltas_and_whole(api: Api) -> None:
    begun = {"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": part}} for part in ('{"city"', ': "Oslo"}')]
    raw = "".join(event(delta={"tool_calls": [piece]}) for piece in (begun, *pieces))
    raw += event(delta={}, finish_reason="tool_calls") + "data: [DONE]\n\n"
    api.site.upstream.script(Script(body=raw), Script(body=raw))
    _, stream, _ = await api.ask(stream=True, tools=TOOLS)
    chunks = chunks_of(stream)
    told = [
        piece
        for chunk in chunks[:-1]
        for choice in chunk["choices"]
        for piece in choice["delta"].get("tool_calls", ())
    ]
    assert told == [begun, *pieces]
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"
    _, completion, _ = await api.ask(tools=TOOLS)
    (choice,) = completion["choices"]
    whole = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    assert choice["message"] == {"role": "assistant", "content": None, "refusal": None, "tool_calls": [whole]}
    assert choice["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    "deltas",
    [
        [{"reasoning_content": "because "}, {"reasoning_content": "so"}, {"content": "yes"}],
        [{"reasoning": "because "}, {"reasoning": "so", "content": "yes"}],
        [{"content": "<thi"}, {"content": "nk>because so</"}, {"content": "think>\n\nyes"}],
    ],
)
async def test_reasoning_of_each_shape_comes_in_one(api: Api, deltas: list[dict[str, str]]) -> None:
    raw = "".join(event(delta=delta) for delta in deltas) + event(delta={}, finish_reason="stop")
    api.site.upstream.script(*[Script(body=raw + "data: [DONE]\n\n")] * 2)
    chunks = chunks_of((await api.ask(stream=True))[1])
    assert (text_of(chunks, "reasoning_content"), text_of(chunks)) == ("because so", "yes")
    message = (await api.ask())[1]["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("because so", "yes")


async def test_earlier_reasoning_stays_here_unless_the_provider_wants_it(api: Api) -> None:
    said = {"role": "assistant", "content": "two", "reasoning_content": "one and one"}
    await api.ask(messages=[{"role": "user", "content": "1+1"}, said, *ASK["messages"]])
    assert "one and one" not in str(api.site.upstream.seen[0].body)


@pytest.mark.chat(PROVIDERS={}, MODEL="scripted")
@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
async def test_earlier_reasoning_goes_to_a_provider_that_wants_it(api: Api, settings: Any, name: str) -> None:
    provider = {"BASE_URL": api.site.upstream.base_url, "REASONING_FIELD": "reasoning_content"}
    settings.LLMCHAT = settings.LLMCHAT | {"PROVIDERS": {"default": provider}}
    said = {"role": "assistant", "content": "two", name: "one and one"}
    await api.ask(messages=[{"role": "user", "content": "1+1"}, said, *ASK["messages"]])
    sent = api.site.upstream.seen[0].body["messages"][1]
    assert sent == {"role": "assistant", "content": "two", "reasoning_content": "one and one"}


async def test_nothing_is_kept_but_figures_and_the_ledger(api: Api) -> None:
    api.site.upstream.script(Script(count=4))
    await api.ask()
    row = await api.site.db(Generation.objects.get)
    assert (row.message_id, row.owner_id, row.status, row.door) == (None, api.user.pk, "complete", "api")
    record = await api.site.db(UsageRecord.objects.get)
    assert (record.door, record.completion_tokens, record.status) == ("api", 4, "complete")
    assert not await api.site.db(Message.objects.exists)


async def test_a_call_that_asks_for_it_is_kept_and_gone_on_with(api: Api) -> None:
    api.site.upstream.script(Script(tokens=["It is ", "red."]), Script(tokens=["And ", "blue."]))
    first = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "the sky?"}]
    _, stream, _ = await api.ask(messages=first, stream=True, metadata={"llmchat_store": "true"})
    metadata = chunks_of(stream)[0]["metadata"]
    conversation = await api.site.db(Conversation.objects.get)
    assert metadata == {"llmchat_conversation": str(conversation.pk)}
    assert (conversation.owner_id, conversation.title) == (api.user.pk, "the sky?")
    more = [*first, {"role": "assistant", "content": "It is red."}, {"role": "user", "content": "and?"}]
    _, completion, _ = await api.ask(messages=more, metadata=metadata)
    assert completion["metadata"] == metadata
    rows = await api.site.db(lambda: list(Message.objects.order_by("position").select_related("parent")))
    assert [(row.role, row.content, row.status) for row in rows] == [
        ("system", "be brief", "complete"),
        ("user", "the sky?", "complete"),
        ("assistant", "It is red.", "complete"),
        ("user", "and?", "complete"),
        ("assistant", "And blue.", "complete"),
    ]
    assert [row.parent for row in rows] == [None, *rows[:-1]]
    async with api.session.get(
        f"{api.site.origin}/api/search/?q=brief", headers=api.site.headers(await api.site.user())
    ) as response:
        assert str(conversation.pk) in await response.text()
    # The caller's own words, not a prompt put together from what is kept.
    assert api.site.upstream.seen[1].body["messages"] == more


async def test_a_kept_tool_call_is_a_step_of_its_message(api: Api) -> None:
    piece = {"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    raw = event(delta={"tool_calls": [piece]}, finish_reason="tool_calls") + "data: [DONE]\n\n"
    api.site.upstream.script(Script(body=raw))
    await api.ask(tools=TOOLS, metadata={"llmchat_store": "true"})
    row = await api.site.db(Message.objects.get, role="assistant")
    (step,) = row.steps
    assert (step["kind"], step["name"], step["arguments"]) == ("tool_call", "weather", "{}")


async def test_the_first_token_leaves_at_once_and_a_client_that_goes_stops_the_upstream(api: Api) -> None:
    api.site.upstream.script(Script(tokens=["first ", "second"], pauses={1: 30}))
    url = f"{api.url}/chat/completions"
    async with api.session.post(url, json=ASK | {"stream": True}, headers=api.headers) as response:
        read = b""
        while b"first " not in read:
            read += await asyncio.wait_for(response.content.readany(), 5)
        left = asyncio.get_running_loop().time()
    closed = await api.site.upstream.await_closed(0, 2)
    assert closed.closed_by == "client"
    assert asyncio.get_running_loop().time() - left < 0.5


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_goes_while_it_waits_stops_the_upstream(api: Api, stream: bool) -> None:
    api.site.upstream.script(Script(header_delay=30))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(api.ask(stream=stream), 0.5)
    await api.site.upstream.await_closed(0, 0.5)


@pytest.mark.parametrize(
    ("script", "end"),
    [
        (Script(count=2, first_delay=0.5), "[DONE]"),
        (Script(status=500, body="{}", header_delay=0.5), {"upstream_error"}),
    ],
)
async def test_a_long_wait_is_kept_alive_by_comments(
    api: Api, monkeypatch: pytest.MonkeyPatch, script: Script, end: Any
) -> None:
    monkeypatch.setattr("chat.views.completions.reading.PATIENCE_SECONDS", 0.1)
    api.site.upstream.default = script
    status, stream, _ = await api.ask(stream=True)
    comments, _, events = stream.partition("data: ")
    assert status == 200
    assert comments.count(": waiting for the model\n\n") >= 2
    last = chunks_of("data: " + events)[-1]
    assert (last if isinstance(last, str) else {last["error"]["code"]}) == end


async def test_an_answer_that_breaks_off_ends_with_an_error_and_no_done(api: Api) -> None:
    api.site.upstream.script(*[Script(count=5, fault="end", fault_at=3, finish_reason=None)] * 2)
    status, stream, _ = await api.ask(stream=True)
    *chunks, last = chunks_of(stream)
    assert status == 200
    assert text_of(chunks) == "token0 token1 token2 "
    assert set(last) == {"error"}
    assert (last["error"]["type"], last["error"]["code"]) == ("server_error", "upstream_protocol")
    status, body, _ = await api.ask()
    assert (status, body["error"]["code"]) == (502, "upstream_protocol")


@pytest.mark.chat(MAX_ANSWER_CHARS=20)
async def test_an_answer_at_its_greatest_length_says_length(api: Api) -> None:
    api.site.upstream.script(*[Script(count=50)] * 2)
    *_, last, done = chunks_of((await api.ask(stream=True))[1])
    assert (last["choices"][0]["finish_reason"], done) == ("length", "[DONE]")
    choice = (await api.ask())[1]["choices"][0]
    assert (len(choice["message"]["content"]), choice["finish_reason"]) == (20, "length")


async def test_the_models_are_those_that_the_owner_may_name(api: Api) -> None:
    status, body = await api.get("models")
    assert (status, body["object"]) == (200, "list")
    assert [(row["id"], row["object"]) for row in body["data"]] == [("scripted", "model")]
    status, row = await api.get("models/scripted")
    assert (status, row) == (200, body["data"][0])


@pytest.mark.chat(
    PROVIDERS={"one": {"MODELS": ["small", "large"]}, "two": {"MODELS": ["large"]}},
    MODEL="large",
    ALIASES={"careful": ["large"]},
)
async def test_models_of_several_providers_and_aliases_are_listed(api: Api) -> None:
    _, body = await api.get("models")
    assert [(row["id"], row["owned_by"]) for row in body["data"]][:3] == [
        ("large", "one"),
        ("small", "one"),
        ("two/large", "two"),
    ]
    aliases = {row["id"] for row in body["data"] if row["owned_by"] == "llmchat"}
    assert aliases == {"auto-best", "auto-fast", "auto-cheap", "careful"}
    assert (await api.get("models/two/large"))[0] == 200
