"""The WebSocket door: parses commands, hands them to the engine, follows its logs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any
from uuid import UUID

import msgspec
from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from django.conf import settings as django_settings
from django.db import DatabaseError, InterfaceError
from django.utils import translation

from . import protocol
from .conf import settings
from .engine import catchup, ending
from .engine.livelog import LiveLog
from .engine.orders import Submitted
from .engine.running import runner_here
from .engine.stopping import request_stop
from .exceptions import Refused
from .models import Owner
from .origin import is_allowed, request_of
from .outbox import Outbox
from .policy import get_policy
from .sessions import Identity, SignedOut, check, exists, identify
from .showing import ready, report, show

logger = logging.getLogger("llmchat.socket")

CLOSE_SIGNED_OUT = 4401
CLOSE_FORBIDDEN = 4403
CLOSE_TOO_MANY = 4429
CLOSE_BAD_FRAMES = 4400
CLOSE_RESTART = 4012
CLOSE_UNCHECKED = 4503
CLOSE_INTERNAL = 1011
MAX_BAD_FRAMES = 100
#: Commands of one socket that may wait for the database.
MAX_COMMANDS = 64
#: How often, and how many times, a stopped answer that the socket does not follow is looked at.
STOP_POLL_SECONDS = 0.1
STOP_POLLS = 100
#: The worker, and those who wait for the end of an answer that was stopped.
MAX_TASKS = 9
#: Seconds that a reply may take to leave before the connection is closed.
LAST_WORDS = 1.0


class ChatConsumer(AsyncConsumer):
    """One open socket. Its receive loop never waits for the database.

    Creating commands and `watch` run one after the other in a task; stop, ack and ping act at once.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.watched: set[UUID] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._writer: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._bad_frames = 0
        self._entered = False
        self.runner = runner_here()
        self.outbox = Outbox(self.runner, self._send_text, self.shut)
        self.scope, self.base_send = scope, send
        try:
            # Channels' own loop makes a task for every frame, its dispatch hops to a thread.
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            pass
        finally:
            self._leave()

    async def dispatch(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "websocket.receive":
                self._receive(message.get("text") or message.get("bytes") or "")
            case "websocket.connect":
                await self._connect()
            case "websocket.disconnect":
                raise StopConsumer

    # Coming and going

    async def _connect(self) -> None:
        offered = self.scope.get("subprotocols") or []
        if not is_allowed(self.scope) or (offered and protocol.VERSION not in offered):
            await self._emit({"type": "websocket.close"})
            return
        try:
            user = await self.runner.readers.run(self._identify)
        except Exception:
            # Whatever it is: 4401 would sign people out, and a failed handshake tells a browser nothing.
            logger.warning("a handshake could not be checked", exc_info=True)
            await self._accept_and_close(CLOSE_UNCHECKED)
            return
        self.owner = Owner.of(user, self.session_key)
        self.identity = Identity(self.session_key, user.pk)
        if not self.may_chat or not self.owner:
            await self._accept_and_close(CLOSE_FORBIDDEN if user.is_authenticated else CLOSE_SIGNED_OUT)
        elif self.runner.draining:
            await self._accept_and_close(CLOSE_RESTART)
        elif self.runner.hub.count(self.owner) >= settings.MAX_SOCKETS_PER_USER:
            await self._accept_and_close(CLOSE_TOO_MANY)
        else:
            self.runner.hub.enter(self)
            self._entered = True
            self._commands: asyncio.Queue[protocol.Command] = asyncio.Queue(MAX_COMMANDS)
            await self._accept()
            self.outbox.reply(protocol.encode(ready(user)))
            self._tasks = [asyncio.ensure_future(self._work())]
            self._writer = asyncio.ensure_future(self._write())

    def _identify(self) -> Any:
        """The user of the handshake's session cookie. Runs in a database thread."""
        session = self.scope.get("session")
        request = request_of(self.scope)
        self.language = translation.get_language_from_request(request)
        self.session_key = (
            (session.session_key or "")
            if session is not None
            else request.COOKIES.get(django_settings.SESSION_COOKIE_NAME, "")
        )
        user = identify(self.session_key)
        if not user.is_authenticated and not exists(self.session_key):
            # A guest is known by a session that this site has made, not by what a cookie says.
            self.session_key = ""
        self.may_chat = get_policy().may_chat(user)
        return user

    async def _emit(self, message: Any) -> bool:
        """Whether the server took it; what it then makes of it nobody is told."""
        try:
            await self.base_send(message)
        except Exception as error:
            # The client has gone, for which each server has its own word: OSError (uvicorn), autobahn's
            # Disconnected (daphne), RuntimeError, or an assertion of theirs where the end has begun.
            logger.debug("a socket has gone: %s", type(error).__name__)
            return False
        return True

    async def _accept(self) -> None:
        offered = self.scope.get("subprotocols") or []
        await self._emit(
            {
                "type": "websocket.accept",
                "subprotocol": protocol.VERSION if protocol.VERSION in offered else None,
            }
        )

    async def _accept_and_close(self, code: int) -> None:
        # A browser cannot see why a handshake was refused: it would come back for ever.
        await self._accept()
        await self._emit({"type": "websocket.close", "code": code})

    def _depart(self) -> None:
        """Takes no more commands and no more news; what is being sent may still leave."""
        if self._entered:
            self._entered = False
            self.runner.hub.leave(self)
        for task in self._tasks:
            task.cancel()

    def _leave(self) -> None:
        self._depart()
        if self._writer is not None:
            self._writer.cancel()

    def shut(self, code: int) -> None:
        """Closes the connection with `code`; from then on nothing else is sent."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close(code))

    async def _close(self, code: int) -> None:
        if code == CLOSE_SIGNED_OUT and self._entered:
            # Why a command was refused is told before the door is shut; not to one that does not read.
            self._depart()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.outbox.replied.wait(), LAST_WORDS)
        self._leave()
        await self._emit({"type": "websocket.close", "code": code})

    async def _write(self) -> None:
        try:
            await self.outbox.run()
        except (DatabaseError, InterfaceError):
            logger.warning("a socket could not read what it follows; it is told to come back", exc_info=True)
            self.shut(CLOSE_UNCHECKED)
        except Exception:
            logger.exception("the sending side of a socket failed")
            self.shut(CLOSE_INTERNAL)

    async def _send_text(self, frame: str) -> None:
        if not await self._emit({"type": "websocket.send", "text": frame}):
            # The disconnect message follows; until then nothing more can be sent.
            raise asyncio.CancelledError

    # What the engine calls

    def wake(self) -> None:
        self.outbox.wake()

    def notify(self, frame: str) -> None:
        """An unnumbered frame nobody asked for."""
        self.outbox.notify(frame)

    def attach(self, log: LiveLog) -> None:
        """Follows a generation that has just begun in a conversation it watches."""
        self.outbox.attach(log)

    # Commands

    def _receive(self, frame: str | bytes) -> None:
        if not self._entered:
            return
        try:
            command = protocol.parse(frame)
        except protocol.FrameError as error:
            self._bad_frames += 1
            self._error(Refused(error.code), error.id)
            if self._bad_frames >= MAX_BAD_FRAMES:
                self.shut(CLOSE_BAD_FRAMES)
            return
        self._bad_frames = 0
        match command:
            case protocol.Ack():
                self.outbox.acknowledge(command.seen)
            case protocol.Ping():
                self.outbox.reply(protocol.encode(protocol.Pong(id=protocol.echo(command.id))))
            case protocol.Stop() if self._stop(command.generation):
                pass
            case _:
                try:
                    self._commands.put_nowait(command)
                except asyncio.QueueFull:
                    self._error(Refused("rate_limited", retry_after=1), command.id)

    def _stop(self, generation: int) -> bool:
        """Stops an answer of ours that this process writes and this socket sees; False: ask the database."""
        pump = self.runner.pumps.get(generation)
        if pump is None or pump.log.owner != self.owner:
            return False
        pump.stop("user")
        return self.outbox.follows(generation)

    async def _work(self) -> None:
        """Carries out the commands that need the database, in order."""
        while True:
            command = await self._commands.get()
            try:
                match command:
                    case protocol.Watch():
                        await self._watch(command)
                    case protocol.Unwatch():
                        self.runner.hub.unwatch(self, command.conversation)
                        self.outbox.drop(command.conversation)
                    case protocol.Stop():
                        await self._stop_elsewhere(command)
                    case protocol.Send() | protocol.Edit() | protocol.Regenerate() | protocol.Continue():
                        await self._create(command)
            except SignedOut as refused:
                self._error(refused, command.id)
                self.shut(CLOSE_SIGNED_OUT)
            except Refused as refused:
                self._error(refused, command.id)
            except (DatabaseError, InterfaceError):
                logger.warning("a command has to be given again", exc_info=True)
                self._error(Refused("unavailable", retry_after=2), command.id)
            except Exception:
                logger.exception("a command failed")
                self._error(Refused("internal"), command.id)

    async def _create(self, command: protocol.Creating) -> None:
        duplicates: list[Submitted] = []

        def accepted(submitted: Submitted) -> None:
            if not self._entered:
                # The tab was closed meanwhile: the answer goes on, and nobody watches it.
                return
            self.runner.hub.watch(self, submitted.accepted.conversation)
            self.runner.remote.watched()
            self.outbox.reply(protocol.encode(submitted.accepted))
            if submitted.accepted.duplicate:
                duplicates.append(submitted)

        await self.runner.intake.submit(
            self.owner, None, command, check=lambda: check(self.identity), accepted=accepted
        )
        for submitted in duplicates:
            conversation, generation = submitted.accepted.conversation, submitted.accepted.generation
            view = await self.runner.readers.run(catchup.look, self.owner, conversation, [generation])
            if view is not None:
                await show(self.runner, self.outbox, view, {generation: -1}, None, None)

    async def _watch(self, command: protocol.Watch) -> None:
        if command.because is not None:
            report(self.runner, command.because, command.conversation)

        def look() -> catchup.View | None:
            check(self.identity)
            return catchup.look(self.owner, command.conversation, command.seen)

        view = await self.runner.readers.run(look)
        if view is None:
            raise Refused("not_found")
        self.runner.hub.watch(self, view.conversation)
        self.runner.remote.watched()
        await show(self.runner, self.outbox, view, command.seen, command.because, command.id)

    async def _stop_elsewhere(self, command: protocol.Stop) -> None:
        """Stops an answer of another process, or one not watched here; of an ended one, repeats the end."""
        generation = command.generation
        standing = await self.runner.readers.run(ending.look, self.owner, generation)
        if standing is None:
            raise Refused("not_found")
        if standing.is_live:
            await self.runner.writer.run(request_stop, [generation], "user")
            if not self.outbox.follows(generation) and len(self._tasks) < MAX_TASKS:
                reporting = asyncio.ensure_future(self._report_end(command))
                self._tasks.append(reporting)
                reporting.add_done_callback(self._tasks.remove)
        elif not self.outbox.follows(generation):
            self._reply_end(command, standing)

    async def _report_end(self, command: protocol.Stop) -> None:
        """Waits for as long as a stop may take to reach another process."""
        for _ in range(STOP_POLLS):
            await asyncio.sleep(STOP_POLL_SECONDS)
            try:
                standing = await self.runner.readers.run(ending.look, self.owner, command.generation)
            except (DatabaseError, InterfaceError):
                continue
            if standing is None or not standing.is_live:
                self._reply_end(command, standing)
                return

    def _reply_end(self, command: protocol.Stop, standing: ending.Standing | None) -> None:
        if standing is not None and standing.end is not None:
            standing.end.id = protocol.echo(command.id)
            self.outbox.reply(protocol.encode(standing.end))

    def _error(self, refused: Refused, id: UUID | None) -> None:
        with translation.override(self.language):
            sentence = refused.sentence
        frame = protocol.Error(
            code=refused.code,
            message=sentence,
            id=protocol.echo(id),
            retry_after=refused.retry_after if refused.retry_after is not None else msgspec.UNSET,
        )
        self.outbox.reply(protocol.encode(frame))
