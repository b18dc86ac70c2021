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
    return Message.objects.get(pk=future.result())


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


class Reading:
    """What a reader holds, from the moment its command is accepted, whether it is still there or not."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._left = False
        self.follower: Follower | None = None

    def begin(self, generation: int) -> None:
        """The command has been accepted."""
        if self._left:
            self._runner.stop(generation, "user")
        else:
            self.follower = Follower(self._runner.logs[generation])

    def leave(self) -> None:
        """The reader has gone: its answer is stopped, also one that has not begun yet."""
        self._left = True
        if self.follower is not None and self.follower.end is None:
            self._runner.stop(self.follower.generation, "user")

    def close(self) -> None:
        if self.follower is not None:
            self.follower.close()


async def _whole(runner: Runner, conversation: Conversation, command: protocol.Send) -> uuid.UUID:
    reading = Reading(runner)
    try:
        follower, message = await _submit(runner, conversation, command, reading)
        async for _ in follower.texts():
            pass
        _raise_if_failed(follower.end)
    finally:
        reading.close()
    return message


def _raise_if_failed(end: dict[str, Any] | None) -> None:
    if end is None:
        raise GenerationFailed("internal", Status.INTERRUPTED)
    if end["status"] in (Status.ERROR, Status.INTERRUPTED):
        raise GenerationFailed(_code(end), str(end["status"]))


async def _relay(runner: Runner, conversation: Conversation, command: protocol.Send, put: Any) -> None:
    """Puts the answer's pieces, then None or the exception. Cancelled: the answer is stopped."""
    reading = Reading(runner)
    try:
        follower, _ = await _submit(runner, conversation, command, reading)
        async for piece in follower.texts():
            await put(piece)
        _raise_if_failed(follower.end)
        await put(None)
    except asyncio.CancelledError:
        reading.leave()
        raise
    except Exception as error:
        await put(error)
    finally:
        reading.close()


async def _submit(
    runner: Runner, conversation: Conversation, command: protocol.Send, reading: Reading
) -> tuple[Follower, uuid.UUID]:
    def accepted(submitted: Any) -> None:
        reading.begin(submitted.accepted.generation)

    submitted = await runner.intake.submit(
        conversation.belongs_to,
        None,
        command,
        door=Generation.Door.PYTHON,
        check=lambda: Conversation.objects.select_related("owner").get(pk=conversation.pk).owner,
        accepted=accepted,
    )
    assert reading.follower is not None
    return reading.follower, submitted.accepted.assistant_message


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
