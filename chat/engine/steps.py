"""What stays of an answer's events, and tool calls put together from the pieces in which they come."""

from __future__ import annotations

from typing import Any

#: Pieces of tool calls, as the provider sent them: `{"calls": [...]}`.
TOOL_DELTA = "tool_delta"
#: A whole tool call: `{"id", "name", "arguments"}`.
TOOL_CALL = "tool_call"


def kept(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events worth a place in the message: no waiting, and each tool call once and whole."""
    steps = [event for event in events if event["kind"] not in ("queued", TOOL_DELTA)]
    deltas = [event for event in events if event["kind"] == TOOL_DELTA]
    if not deltas:
        return steps
    frame = {"type": "event", "generation": deltas[0]["generation"], "n": deltas[0]["n"], "kind": TOOL_CALL}
    for call in whole_calls(deltas):
        function = call["function"]
        steps.append(
            {**frame, "id": call["id"], "name": function["name"], "arguments": function["arguments"]}
        )
    return steps


def whole_calls(deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tool calls that these `tool_delta` events tell, in OpenAI's shape, in the order of their index."""
    calls: dict[int, dict[str, Any]] = {}
    for event in deltas:
        for piece in event["calls"]:
            index = _index_of(piece, calls)
            call = calls.setdefault(
                index, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
            )
            call["id"] = call["id"] or str(piece.get("id") or "")
            function = piece.get("function")
            if isinstance(function, dict):
                call["function"]["name"] += str(function.get("name") or "")
                call["function"]["arguments"] += str(function.get("arguments") or "")
    return [call for _, call in sorted(calls.items())]


def _index_of(piece: dict[str, Any], calls: dict[int, dict[str, Any]]) -> int:
    """Where a piece belongs. Some providers send whole calls and no index: each with an id is a new one."""
    index = piece.get("index")
    if isinstance(index, int):
        return index
    return len(calls) if piece.get("id") or not calls else max(calls)
