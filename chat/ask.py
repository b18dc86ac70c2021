"""The Python door: a conversation is asked from any code, and answers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import msgspec
from asgiref.sync import sync_to_async
from django.db import connections, router

from . import protocol
from .engine.follower import Follower
from .engine.runner import Runner
from .engine.running import any_runner, runners
from .exceptions import GenerationFailed, OpenTransactionError, Refused
from .models import Conversation, Generation, Message, Status

if TYPE_CHECKING:
    from concurrent.futures import Future

#: Pieces of text that may wait between the engine's loop and the caller's.
MAX_PIECES = 256


def ask(
    conversation: Conversation, text: str, *, model: str = "", options: dict[str, Any] | None = None
) -> Message:
    """Asks, waits for the whole answer and returns its message; for sync code. See `Conversation.ask`."""
    _refuse_open_transaction()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise RuntimeError(
            "ask() would block the event loop: use `async for delta in conversation.astream(…)`."
        )
    command = _command(conversation, text, model, options)
    runner = any_runner()
    future = asyncio.run_coroutine_threadsafe(_whole(runner, conversation, command), runner.loop)
    message_id, end = future.result()
    if end is not None and end["status"] in (Status.ERROR, Status.INTERRUPTED):
        raise GenerationFailed(_code(end), str(end["status"]))
    return Message.objects.get(pk=message_id)


async def astream(
    conversation: Conversation, text: str, *, model: str = "", options: dict[str, Any] | None = None
) -> AsyncIterator[str]:
    """Asks and yields the answer's text as it arrives. See `Conversation.astream`."""
    # Where sync code around us holds a transaction, it does so in the thread that this reaches.
    await sync_to_async(_refuse_open_transaction)()
    command = _command(conversation, text, model, options)
    loop = asyncio.get_running_loop()
    here = [runner for runner in runners() if runner.loop is loop]
    # A loop that ends with this call (asyncio.run, async_to_sync) must not own an answer.
    runner = here[0] if here else await asyncio.to_thread(any_runner)
    pieces: asyncio.Queue[str | BaseException | None] = asyncio.Queue(MAX_PIECES)

    async def put(piece: str | BaseException | None) -> None:
        if runner.loop is loop:
            await pieces.put(piece)
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(pieces.put(piece), loop))

    relaying = _start(runner, _relay(runner, conversation, command, put))
    try:
        while (piece := await pieces.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece
    finally:
        relaying.cancel()


def _start(runner: Runner, work: Any) -> asyncio.Task[None] | Future[None]:
    try:
        here: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    if runner.loop is here:
        return runner.spawn(work)
    return asyncio.run_coroutine_threadsafe(work, runner.loop)


async def _whole(
    runner: Runner, conversation: Conversation, command: protocol.Send
) -> tuple[uuid.UUID, dict[str, Any] | None]:
    follower, message = await _submit(runner, conversation, command)
    try:
        async for _ in follower.texts():
            pass
    finally:
        follower.close()
    return message, follower.end


async def _relay(runner: Runner, conversation: Conversation, command: protocol.Send, put: Any) -> None:
    """Puts the answer's pieces, then None or the exception. Cancelled: the answer is stopped."""
    follower: Follower | None = None
    generation = 0
    try:
        follower, _ = await _submit(runner, conversation, command)
        generation = follower.generation
        async for piece in follower.texts():
            await put(piece)
        end = follower.end
        if end is not None and end["status"] in (Status.ERROR, Status.INTERRUPTED):
            await put(GenerationFailed(_code(end), str(end["status"])))
        await put(None)
    except Refused as refused:
        await put(refused)
    except asyncio.CancelledError:
        if follower is not None and follower.end is None:
            runner.stop(generation, "user")
        raise
    finally:
        if follower is not None:
            follower.close()


async def _submit(
    runner: Runner, conversation: Conversation, command: protocol.Send
) -> tuple[Follower, uuid.UUID]:
    followers: list[Follower] = []

    def accepted(submitted: Any) -> None:
        followers.append(Follower(runner.logs[submitted.accepted.generation]))

    submitted = await runner.intake.submit(
        conversation.belongs_to,
        None,
        command,
        door=Generation.Door.PYTHON,
        check=lambda: Conversation.objects.select_related("owner").get(pk=conversation.pk).owner,
        accepted=accepted,
    )
    return followers[0], submitted.accepted.assistant_message


def _command(
    conversation: Conversation, text: str, model: str, options: dict[str, Any] | None
) -> protocol.Send:
    text = text.replace("\0", "\ufffd")
    if not text.strip():
        raise Refused("bad_frame")
    return protocol.Send(
        id=uuid.uuid4(),
        text=text,
        conversation=conversation.pk,
        model=model,
        options=msgspec.convert(options or {}, protocol.Options),
    )


def _refuse_open_transaction() -> None:
    alias = router.db_for_write(Conversation)
    if connections[alias].in_atomic_block:
        raise OpenTransactionError(
            "An answer cannot be asked for inside transaction.atomic(): it is written by another "
            "connection, which does not see your rows, and a rollback would not take it back. "
            "Ask after the commit, for example in transaction.on_commit()."
        )


def _code(end: dict[str, Any]) -> str:
    error = end.get("error")
    return str(error["code"]) if isinstance(error, dict) else "internal"
