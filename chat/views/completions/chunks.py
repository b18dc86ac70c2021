"""An answer as OpenAI's API shows it: a stream of chunks, or one completion."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ...engine.steps import TOOL_DELTA, whole_calls

DONE = b"data: [DONE]\n\n"
#: Characters at which Python's `splitlines` breaks a line, and with it the clients that use it.
_BREAKS = re.compile("[\u2028\u2029\x85]")
_encoder = msgspec.json.Encoder()


class Heading(msgspec.Struct):
    """What every chunk of an answer repeats."""

    generation: int
    created: int
    model: str
    #: The conversation that keeps it; empty for none.
    metadata: dict[str, str] = {}

    @property
    def id(self) -> str:
        return f"chatcmpl-{self.generation}"


class ChunkEncoder:
    """Turns numbered frames into chunks, mostly by cutting the encoded text out of one into the other."""

    def __init__(self, heading: Heading, *, usage: bool) -> None:
        self._heading = heading
        self._wants_usage = usage
        head = {
            "id": heading.id,
            "object": "chat.completion.chunk",
            "created": heading.created,
            "model": heading.model,
        }
        self._head = _encoder.encode(head)[:-1].decode()
        self._usage = ',"usage":null' if usage else ""
        # A frame is `[generation, n, "text"]`: its text begins behind the second comma.
        self._after_generation = len(f"[{heading.generation},")
        before = f'data: {self._head},"choices":[{{"index":0,"delta":'
        self._before = (f'{before}{{"content":', f'{before}{{"reasoning_content":')
        self._behind = f'}},"finish_reason":null}}]{self._usage}}}\n\n'
        self.calls = 0

    def first(self) -> str:
        """The chunk that every stream begins with."""
        delta = {"role": "assistant", "content": ""}
        if self._heading.metadata:
            return self._chunk(delta, metadata=self._heading.metadata)
        return self._chunk(delta)

    def encode(self, frames: list[str]) -> str:
        """The chunks for some frames in their order; texts that follow one another are joined."""
        chunks: list[str] = []
        texts: list[str] = []
        kind = 0
        for frame in frames:
            if not frame.startswith("["):
                if texts:
                    chunks.append(self._text(kind, texts))
                    texts = []
                chunks += self._event(msgspec.json.decode(frame))
                continue
            text = frame[frame.index(",", self._after_generation) + 1 : -1]
            # No quote stands bare inside of a JSON string: this is the mark of reasoning.
            is_thought = text.endswith('","r"')
            if is_thought:
                text = text[:-4]
            if texts and is_thought != kind:
                chunks.append(self._text(kind, texts))
                texts = []
            kind = is_thought
            texts.append(text)
        if texts:
            chunks.append(self._text(kind, texts))
        return "".join(chunks)

    def end(self, end: dict[str, Any]) -> str:
        """The chunks behind the last text: why it ended and, where it is wanted, what it took."""
        chunks = self._chunk({}, finish_reason=finish_reason(end, called=self.calls > 0))
        if self._wants_usage:
            usage = _encoder.encode(usage_of(end)).decode()
            chunks += f'data: {self._head},"choices":[],"usage":{usage}}}\n\n'
        return chunks

    def _text(self, kind: int, texts: list[str]) -> str:
        text = texts[0] if len(texts) == 1 else '"' + "".join(part[1:-1] for part in texts) + '"'
        if not text.isascii():
            text = _BREAKS.sub(_escape, text)
        return f"{self._before[kind]}{text}{self._behind}"

    def _event(self, event: dict[str, Any]) -> list[str]:
        if event["kind"] != TOOL_DELTA:
            return []
        pieces = []
        for piece in event["calls"]:
            if not isinstance(piece.get("index"), int):
                # A whole call from a provider that does not number them.
                piece = {"index": self.calls, **piece}
            self.calls = max(self.calls, piece["index"] + 1)
            pieces.append(piece)
        return [self._chunk({"tool_calls": pieces})]

    def _chunk(self, delta: dict[str, Any], *, finish_reason: str | None = None, **fields: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        rest = _encoder.encode({"choices": [choice], **fields}).decode()
        return f"data: {self._head},{rest[1:-1]}{self._usage}}}\n\n"


def is_content(frame: str) -> bool:
    """Whether a frame holds something to show, and not only what the waiting is for."""
    return frame.startswith("[") or msgspec.json.decode(frame)["kind"] == TOOL_DELTA


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def completion(heading: Heading, frames: list[str], end: dict[str, Any]) -> dict[str, Any]:
    """The whole answer as one object."""
    texts: list[str] = []
    thoughts: list[str] = []
    deltas: list[dict[str, Any]] = []
    for frame in frames:
        decoded = msgspec.json.decode(frame)
        if isinstance(decoded, list):
            (thoughts if len(decoded) > 3 else texts).append(decoded[2])
        elif decoded["kind"] == TOOL_DELTA:
            deltas.append(decoded)
    calls = whole_calls(deltas)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) if texts or not calls else None,
        "refusal": None,
    }
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
    if calls:
        message["tool_calls"] = calls
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": finish_reason(end, called=bool(calls)),
    }
    return {
        "id": heading.id,
        "object": "chat.completion",
        "created": heading.created,
        "model": heading.model,
        "choices": [choice],
        "usage": usage_of(end),
        **({"metadata": heading.metadata} if heading.metadata else {}),
    }


def finish_reason(end: dict[str, Any], *, called: bool) -> str:
    """Why an answer ended, for a client that knows OpenAI's reasons only."""
    if end["reason"] == "answer_cap":
        return "length"
    return end["finish_reason"] or ("tool_calls" if called else "stop")


def usage_of(end: dict[str, Any]) -> dict[str, Any]:
    """The figures of an answer; estimates are marked."""
    usage = end["usage"] or {}
    prompt, answer = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    figures: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
    }
    if usage.get("estimated"):
        figures["estimated"] = True
    if cached := usage.get("cached_tokens"):
        figures["prompt_tokens_details"] = {"cached_tokens": cached}
    if thought := usage.get("reasoning_tokens"):
        figures["completion_tokens_details"] = {"reasoning_tokens": thought}
    return figures
