"""The body of a call: OpenAI's own parameters, checked; what is not known is left out."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from ...engine.orders import Call
from ...models import Generation
from .errors import Problem

#: Bytes; pictures come inside the body.
MAX_BODY = 8 * 1024 * 1024
#: Keys of `metadata` with which a call asks to be kept.
STORE, CONVERSATION = "llmchat_store", "llmchat_conversation"
#: Goes to the provider as it came, where it was given.
_PASSED_ON = (
    *("max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "min_p", "stop", "seed"),
    *("presence_penalty", "frequency_penalty", "repetition_penalty", "logit_bias"),
    *("tools", "tool_choice", "parallel_tool_calls", "response_format"),
    *("reasoning_effort", "verbosity", "prediction", "user", "service_tier"),
    *("prompt_cache_key", "safety_identifier", "chat_template_kwargs"),
)
_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]+)`")

Tokens = Annotated[int, Meta(ge=1, le=2**31)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Parts = Annotated[list[dict[str, Any]], Meta(max_length=1000)]


class ChatMessage(Struct, omit_defaults=True):
    """One message; `reasoning_content` and `reasoning` are what clients call an earlier thought."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | Parts | None = None
    name: str | None = None
    tool_calls: Annotated[list[dict[str, Any]], Meta(max_length=1000)] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None

    @property
    def text(self) -> str:
        """Its text, without pictures and the like."""
        if isinstance(self.content, list):
            return "\n".join(part["text"] for part in self.content if isinstance(part.get("text"), str))
        return self.content or ""

    def as_called(self) -> dict[str, Any]:
        """The message for the engine, which passes `reasoning` on in the provider's own way."""
        message: dict[str, Any] = msgspec.to_builtins(self)
        thought = message.pop("reasoning_content", None) or message.pop("reasoning", None)
        if thought:
            message["reasoning"] = thought
        # Null beside tool calls; providers differ in whether it may be left out.
        return {"content": None, **message}


class StreamOptions(Struct):
    include_usage: bool = False


class CompletionRequest(Struct):
    """`POST v1/chat/completions`."""

    model: Annotated[str, Meta(min_length=1, max_length=200)]
    messages: Annotated[list[ChatMessage], Meta(min_length=1, max_length=2000)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: int | None = None
    min_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    seed: int | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repetition_penalty: float | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: Annotated[list[dict[str, Any]], Meta(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    modalities: list[str] | None = None
    prediction: dict[str, Any] | None = None
    functions: list[Any] | None = None
    function_call: Any = None
    user: str | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    metadata: (
        Annotated[
            dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]],
            Meta(max_length=16),
        ]
        | None
    ) = None

    @property
    def wants_usage(self) -> bool:
        """Whether a stream shall end with the figures."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def conversation(self) -> UUID | None:
        """The conversation that shall keep it; None for a new one, or for none."""
        named = (self.metadata or {}).get(CONVERSATION)
        if not named:
            return None
        try:
            return UUID(named)
        except ValueError:
            raise _invalid(f"metadata.{CONVERSATION}", "it is no UUID") from None

    @property
    def is_kept(self) -> bool:
        """Whether it shall be kept as part of a conversation."""
        metadata = self.metadata or {}
        return metadata.get(STORE, "").lower() in ("true", "1") or CONVERSATION in metadata

    def call(self) -> Call:
        """What the engine gets."""
        options = {
            name: value for name in _PASSED_ON if (value := getattr(self, name)) is not None and value != []
        }
        earlier: list[tuple[str, str]] = [
            ("system" if message.role == "developer" else message.role, message.text)
            for message in self.messages[:-1]
            if message.text and message.role != "tool"
        ]
        return Call(
            messages=[message.as_called() for message in self.messages],
            door=Generation.Door.API,
            model=self.model,
            options=options,
            earlier=earlier if self.is_kept else [],
        )


def parse(body: bytes) -> CompletionRequest:
    """The call in a body. Raises `Problem` with the parameter that is at fault."""
    try:
        request = msgspec.json.decode(body, type=CompletionRequest)
    except msgspec.ValidationError as error:
        raise _of_validation(str(error)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "The body of the request could not be parsed as JSON.") from None
    if b"\\u0000" in body:
        _refuse_nul(request)
    _check(request)
    return request


def _check(request: CompletionRequest) -> None:
    """What a type cannot say."""
    if request.n not in (None, 1):
        raise _invalid("n", "only one choice is given here", "unsupported_value")
    for name in ("logprobs", "top_logprobs", "functions", "function_call"):
        if getattr(request, name):
            raise _invalid(name, "it is not supported here", "unsupported_parameter")
    if request.modalities not in (None, [], ["text"]):
        raise _invalid("modalities", "only text is given here", "unsupported_value")
    if request.stream_options is not None and not request.stream:
        raise _invalid("stream_options", "it is only allowed when `stream` is true")
    if request.tool_choice not in (None, "none", "auto") and not request.tools:
        raise _invalid("tool_choice", "it is only allowed when `tools` are given")
    for index, tool in enumerate(request.tools or ()):
        if not isinstance(tool.get("type"), str):
            raise _invalid(f"tools[{index}].type", "it has to be a string")
    if request.response_format is not None and not isinstance(request.response_format.get("type"), str):
        raise _invalid("response_format.type", "it has to be a string")
    for index, message in enumerate(request.messages):
        if message.role == "tool" and not message.tool_call_id:
            raise _missing(f"messages[{index}].tool_call_id")
        if message.content is None and message.role != "assistant":
            raise _missing(f"messages[{index}].content")
    if request.is_kept and (request.messages[-1].role != "user" or not request.messages[-1].text.strip()):
        raise _invalid("messages", "what is kept has to end with a message of the user, and with text in it")
    _ = request.conversation


def _refuse_nul(request: CompletionRequest) -> None:
    """No database stores one."""
    if "\0" in request.model:
        raise _invalid("model", "it holds a NUL")
    for index, message in enumerate(request.messages):
        if "\0" in message.text:
            raise _invalid(f"messages[{index}].content", "it holds a NUL")


def _of_validation(message: str) -> Problem:
    found = _AT.match(message)
    what, path = (found["what"], found["path"] or "") if found else (message, "")
    path = path.replace("[...]", "")
    if missing := _MISSING.match(what):
        return _missing(f"{path}.{missing['name']}".lstrip("."))
    if not path:
        return Problem(400, "The body of the request has to be a JSON object.")
    return _invalid(path, what[0].lower() + what[1:])


def _missing(param: str) -> Problem:
    message = f"Missing required parameter: '{param}'."
    return Problem(400, message, param=param, code="missing_required_parameter")


def _invalid(param: str, why: str, code: str = "invalid_value") -> Problem:
    return Problem(400, f"Invalid value for '{param}': {why}.", param=param, code=code)
