"""The wire: every frame of protocol version 1 as a typed struct. Nothing here knows Django.

Inbound frames are parsed by `parse`, outbound ones encoded by `encode`; the two hot ones, text and
reasoning, are plain arrays made by `text_frame`.
"""

from __future__ import annotations

import zlib
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

VERSION = "llmchat.v1"
MAX_INBOUND_BYTES = 64 * 1024

FrameNumber = Annotated[int, Meta(ge=-1, le=2**53)]
GenerationId = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Seen = Annotated[dict[GenerationId, FrameNumber], Meta(max_length=1000)]
Name = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(min_length=1)]
SystemPrompt = Annotated[str, Meta(max_length=20_000)]


class FrameError(ValueError):
    """Raised for an inbound frame that cannot be used; `code` is bad_frame, too_large or unknown_type."""

    def __init__(self, code: str, id: UUID | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.id = id


class Options(Struct, omit_defaults=True):
    """What a user may ask of the model, with the ranges of the OpenAI API."""

    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    seed: int | None = None
    stop: Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=4)] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | None = None

    def given(self) -> dict[str, Any]:
        """Those that are set, by name."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


# Commands: what a client says.


class Send(Struct, tag="send", tag_field="type"):
    id: UUID
    text: Text
    conversation: UUID | None = None
    parent: UUID | UnsetType | None = UNSET
    model: Name = ""
    options: Options = msgspec.field(default_factory=Options)
    temporary: bool = False
    #: Of the conversation that this begins; later it is changed over HTTP.
    system_prompt: SystemPrompt = ""
    #: Likewise: one of `api/presets/`.
    preset: UUID | None = None


class Edit(Struct, tag="edit", tag_field="type"):
    id: UUID
    message: UUID
    text: Text


class Regenerate(Struct, tag="regenerate", tag_field="type"):
    id: UUID
    message: UUID
    model: Name = ""


class Continue(Struct, tag="continue", tag_field="type"):
    id: UUID
    message: UUID


class Stop(Struct, tag="stop", tag_field="type"):
    generation: GenerationId
    id: UUID | None = None


class Watch(Struct, tag="watch", tag_field="type"):
    conversation: UUID
    seen: Seen = msgspec.field(default_factory=dict)
    because: Literal["gap", "checksum"] | None = None
    id: UUID | None = None


class Unwatch(Struct, tag="unwatch", tag_field="type"):
    conversation: UUID
    id: UUID | None = None


class Ack(Struct, tag="ack", tag_field="type"):
    seen: Seen
    id: UUID | None = None


class Ping(Struct, tag="ping", tag_field="type"):
    id: UUID | None = None


Creating = Send | Edit | Regenerate | Continue
Command = Send | Edit | Regenerate | Continue | Stop | Watch | Unwatch | Ack | Ping


# Frames: what the server says.


class Ready(Struct, tag="ready", tag_field="type"):
    user: str
    limits: dict[str, int | float]
    server: str


class Accepted(Struct, tag="accepted", tag_field="type"):
    id: UUID | None
    conversation: UUID
    user_message: UUID
    assistant_message: UUID
    generation: int
    duplicate: bool = False


class Begin(Struct, tag="begin", tag_field="type"):
    generation: int
    message: UUID | None
    conversation: UUID | None
    model: str
    text_length: int
    crc32: int
    n: int = 0


class Snapshot(Struct, tag="snapshot", tag_field="type"):
    generation: int
    n: int
    message: UUID | None
    text: str
    reasoning: str
    events: list[dict[str, Any]]
    state: str


class WireError(Struct):
    code: str
    message: str
    reference: str | None = None


class WireUsage(Struct):
    prompt_tokens: int | None
    completion_tokens: int | None
    estimated: bool = False


class End(Struct, tag="end", tag_field="type"):
    generation: int
    n: int
    message: UUID | None
    conversation: UUID | None
    status: str
    finish_reason: str | None
    text_length: int
    crc32: int
    usage: WireUsage | None = None
    cost: str | None = None
    timings: dict[str, int] = msgspec.field(default_factory=dict)
    error: WireError | None = None
    reason: str | None = None
    id: UUID | UnsetType = UNSET


class Watching(Struct, tag="watching", tag_field="type"):
    conversation: UUID
    revision: int
    live: list[int]
    id: UUID | UnsetType = UNSET


class ConversationChanged(Struct, tag="conversation", tag_field="type"):
    conversation: UUID
    revision: int
    title: str
    state: str
    #: In no list.
    temporary: bool | UnsetType = UNSET
    pinned: bool | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
    unread: bool | UnsetType = UNSET


class MessageChanged(Struct, tag="message", tag_field="type"):
    conversation: UUID
    revision: int
    message: dict[str, Any]


class Pong(Struct, tag="pong", tag_field="type"):
    id: UUID | UnsetType = UNSET


class Error(Struct, tag="error", tag_field="type"):
    code: str
    message: str
    id: UUID | UnsetType = UNSET
    retry_after: float | UnsetType = UNSET
    reference: str | UnsetType = UNSET


Frame = (
    Ready | Accepted | Begin | Snapshot | End | Watching | ConversationChanged | MessageChanged | Pong | Error
)

_commands = msgspec.json.Decoder(Command)
_heads = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()
_KNOWN = {"send", "edit", "regenerate", "continue", "stop", "watch", "unwatch", "ack", "ping"}
#: What goes to the model or into a row; NUL is refused here, msgspec has refused lone surrogates.
_TEXT_FIELDS = ("text", "model", "system_prompt")


def parse(frame: str | bytes) -> Command:
    """The command in one inbound frame. Raises `FrameError`, with the frame's id where it has one."""
    raw = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
    if len(raw) > MAX_INBOUND_BYTES:
        raise FrameError("too_large")
    try:
        command: Command = _commands.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _diagnose(raw) from None
    for field in _TEXT_FIELDS:
        if "\0" in getattr(command, field, ""):
            raise FrameError("bad_frame", getattr(command, "id", None))
    if isinstance(command, Send) and any("\0" in stop for stop in command.options.stop or ()):
        raise FrameError("bad_frame", command.id)
    if isinstance(command, Send | Edit) and not command.text.strip():
        raise FrameError("bad_frame", command.id)
    return command


def _diagnose(raw: bytes) -> FrameError:
    """Finds out what an unusable frame says of itself: its id, and whether its type exists."""
    try:
        head = _heads.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return FrameError("bad_frame")
    id = _member(head, "id", UUID)
    kind = _member(head, "type", str)
    known = kind is None or kind in _KNOWN
    return FrameError("bad_frame" if known else "unknown_type", id)


def _member(head: dict[str, msgspec.Raw], name: str, kind: Any) -> Any:
    try:
        return msgspec.json.decode(head[name], type=kind)
    except (KeyError, msgspec.MsgspecError):
        return None


def echo(id: UUID | None) -> UUID | UnsetType:
    """The `id` of a reply: the command's, or no such field."""
    return UNSET if id is None else id


def encode(frame: Frame | dict[str, Any]) -> str:
    """A frame as the text that goes over the wire."""
    return _encoder.encode(frame).decode()


def text_frame(generation: int, n: int, text: str, *, reasoning: bool = False) -> str:
    """The hot frame: `[generation, n, "text"]`, with a fourth element "r" for reasoning."""
    return _encoder.encode((generation, n, text, "r") if reasoning else (generation, n, text)).decode()


def utf16_length(text: str) -> int:
    """How long `text` is to JavaScript: in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def checksum(text: str, start: int = 0) -> int:
    """CRC-32 of the UTF-8 bytes of `text`, going on from `start`."""
    return zlib.crc32(text.encode(), start)
