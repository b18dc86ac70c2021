"""What the load client is told to do, and what it reports: they travel as JSON between processes."""

from __future__ import annotations

from typing import Literal

import msgspec

Protocol = Literal["relay", "chat", "v1"]


class Target(msgspec.Struct):
    """The server to be measured: its process and port, and how it is spoken to."""

    pid: int
    port: int
    upstream_port: int
    #: `relay`: prompts in, tokens out, `[DONE]`.
    speaks: Protocol
    #: What each viewer shows of itself: a session's cookie, or a key where OpenAI's API is spoken.
    credentials: list[str] = []


class Streams(msgspec.Struct, tag=True):
    """So many answers at once, of `rate` tokens a second, measured for `seconds` in their middle."""

    count: int
    rate: float
    seconds: float
    #: Whether a token of each arrives at the same moment; else each stream has moments of its own.
    in_step: bool = False
    #: A PostgreSQL whose transactions are counted meanwhile; empty for none.
    database_url: str = ""


class Streamed(msgspec.Struct, tag=True):
    """What happened between two moments at which all streams ran and none began or ended."""

    #: The server's, user and system, of all its threads.
    cpu_seconds: float
    seconds: float
    tokens: int
    #: Tokens that the provider wrote, in the same time, at the rate it was asked for.
    tokens_due: float
    #: From the provider's writing a token to the client's having it.
    latency_p50_ms: float
    latency_p99_ms: float
    #: Of the whole answers, `begin` to `end`; of a relay, its messages.
    payload_bytes: int
    text_bytes: int
    #: Transaction ids that the database gave away meanwhile.
    transactions: int = 0


class Answers(msgspec.Struct, tag=True):
    """So many short answers, one after the other, at `per_second`."""

    count: int
    per_second: float = 25.0
    tokens: int = 5


class Answered(msgspec.Struct, tag=True):
    """What they cost the server."""

    cpu_seconds: float
    answers: int


class FirstTokens(msgspec.Struct, tag=True):
    """So many answers, each asked for when the server has nothing else to do."""

    count: int
    #: The site's SQLite file: whether the question is in there is looked up when the first token has come.
    database: str = ""


class FirstSeen(msgspec.Struct, tag=True):
    """From the prompt's leaving the client to the first token's arrival, the provider answering at once."""

    p50_ms: float
    p99_ms: float
    answers: int
    #: How many of the questions stood in the database, for another process to see, when the token came.
    committed: int


class Sockets(msgspec.Struct, tag=True):
    """So many open sockets that say nothing, beyond `warm` that were opened and closed before."""

    count: int
    warm: int = 50


class Held(msgspec.Struct, tag=True):
    """By how much the server's resident memory grew."""

    bytes: int
    sockets: int


Scenario = Streams | Answers | FirstTokens | Sockets
Result = Streamed | Answered | FirstSeen | Held


class Order(msgspec.Struct):
    """All that the load client does in one life, on the same sockets' owners."""

    target: Target
    scenario: Scenario
