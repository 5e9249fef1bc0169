"""A stream of messages on an event loop: connections that are made anew, and an end that loses
nothing.

The rules are those of :mod:`zoldyq.client.stream`. One task, the *pump*, owns the connection: it
connects, reads and puts back. The calls of the program only wait for what the pump has read
(:mod:`zoldyq.client.ledger`), so one that is cancelled takes nothing with it. To end the stream the
pump is cancelled while it reads. It then puts back what is held, also if it is the end of the event
loop that has cancelled it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from urllib.parse import urlencode

from zoldyq.client.aio.signal import Signal
from zoldyq.client.aio.transport import AsyncTransport
from zoldyq.client.aio.websocket import AsyncWebSocket, open_websocket
from zoldyq.client.backoff import Backoff
from zoldyq.client.deadline import Deadline
from zoldyq.client.documents import Message
from zoldyq.client.errors import ConnectionLost
from zoldyq.client.ledger import Ledger
from zoldyq.client.options import StreamOptions
from zoldyq.client.own_work import log
from zoldyq.client.stream import PASSING, PASSING_LATER
from zoldyq.contract.errors import ZoldyQError


class AsyncStream:
    """The stream behind an ``AsyncConsumer``, which may be collected before the stream has ended.

    All fields belong to the event loop. None of them changes across an ``await`` of the calls that
    hand messages out.
    """

    def __init__(self, transport: AsyncTransport, options: StreamOptions) -> None:
        self._transport = transport
        self._options = options
        self._url = transport.endpoint.url
        self._ledger = Ledger(options.credit, options.limit, self._url)
        self._backoff = Backoff()
        self._changed = Signal()
        self._pump: asyncio.Task[None] | None = None
        self._pumping = False
        self._reading = False  # the pump waits for messages and for nothing else
        self._socket: AsyncWebSocket | None = None
        self._connected_at: float | None = None  # when the last connection was made
        self._error: ZoldyQError | None = None  # why the pump has ended, for the next call
        self._obstacle: ZoldyQError | None = None  # why there has been no connection yet
        self._closed = False
        self._told = False  # the log says what could not be put back

    # -- for the program -------------------------------------------------------------------------

    @property
    def leftover(self) -> tuple[Message, ...]:
        """What was held at the end and could not be put back."""
        return tuple(self._ledger.held) if self._closed and not self._pumping else ()

    @property
    def over(self) -> bool:
        """Whether no message will be handed out any more."""
        return self._closed or not self._ledger.left

    @property
    def fetched(self) -> int:
        """How many messages are here and were not handed out."""
        return len(self._ledger.held)

    async def next(self) -> Message | None:
        """Return the next message, waiting for it; None at the end.

        Raises:
            ServerUnreachable, Overloaded: there was no connection for too long.
            ZoldyQError: the server refuses this stream.
        """
        message = await self._next(self._options.idle_timeout)
        if message is None:
            obstacle = None if self.over or self._connected_at is not None else self._obstacle
            await self.close()
            if obstacle is not None:
                raise obstacle
        return message

    async def poll(self, seconds: float, keep: int) -> Message | None:
        """Return the next message if it comes within ``seconds``, else None; the stream goes on.

        The last ``keep`` messages count as credit in use, so that they can be handed back.
        Connecting is not bounded by ``seconds``. Raises: as :meth:`next`.
        """
        self._ledger.kept = keep
        if self._socket is None and not self._ledger.held and not self.over:
            self._begin()
            await self._changed.wait_for(lambda: self._socket is not None or not self._pumping)
        return await self._next(seconds)

    async def end_with(self, messages: Sequence[Message]) -> None:
        """End the stream, and put back these messages too. They were handed out last, in order."""
        if not self._closed:
            self._ledger.hand_back(messages)
        await self.close()

    async def close(self) -> None:
        """End the stream and put back what is held.

        If this is cancelled, it is done nevertheless.
        """
        self.begin_to_close()
        await self._changed.wait_for(lambda: not self._pumping)
        held = len(self._ledger.held)
        if held and not self._told:
            self._told = True
            log.warning("%s: %d messages could not be put back", self._options.name, held)

    def begin_to_close(self) -> None:
        """Have the stream ended. Returns at once; called on the event loop's thread."""
        self._closed = True
        self._changed.notify()
        if self._reading and self._pump is not None:
            self._reading = False
            self._pump.cancel()

    def finalize(self) -> None:
        """End the stream for a consumer that was dropped. Called on any thread."""
        loop = self._transport.loop
        if loop is not None and self._pumping:
            with suppress(RuntimeError):  # the loop is closed, and has ended the pump before
                loop.call_soon_threadsafe(self.begin_to_close)

    # -- helpers of these --------------------------------------------------------------------------

    async def _next(self, seconds: float) -> Message | None:
        if self._closed:
            return None
        ledger = self._ledger
        # The program is done with the last message, so the server may send another. A connection
        # that is being made has its credit already.
        if self._socket is not None and (text := ledger.grant()) is not None:
            with suppress(ConnectionLost):  # the pump is told, after what has come by then
                await self._socket.send(text)
        if not ledger.held and ledger.left:
            self._begin()
            await self._changed.wait_for(lambda: ledger.held or not self._pumping, seconds)
        return self._hand_out()

    def _hand_out(self) -> Message | None:
        message = None if self._closed else self._ledger.next()
        if message is None and self._error is not None:
            error, self._error = self._error, None
            raise error
        if not self._ledger.held:
            self._changed.notify()  # the pump may connect again
        return message

    def _begin(self) -> None:
        """Have a pump, unless there is one or an error to be told."""
        if not self._pumping and self._error is None:
            self._transport.session  # noqa: B018 - raises where no request can be sent
            self._pumping = True
            self._pump = self._transport.start(self._run())

    # -- the pump ----------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while not self.over:
                socket = await self._connect()
                if socket is None:
                    return
                await self._serve(socket)
                await self._changed.wait_for(lambda: self._closed or not self._ledger.held)
        except ZoldyQError as error:
            self._error = error
        finally:
            self._pumping = False
            self._changed.notify()

    async def _serve(self, socket: AsyncWebSocket) -> None:
        """Read until the connection or the stream ends."""
        self._socket = socket
        try:
            if not self._closed and not await self._read(socket):
                return
            self._closed = True
            await self._put_back(socket)
        finally:
            self._socket = None
            await socket.close()

    async def _read(self, socket: AsyncWebSocket) -> bool:
        """Take in messages; return False at the end of the connection, True at the stream's."""
        self._reading = True
        self._changed.notify()
        try:
            while (text := await socket.receive()) is not None:
                if self._ledger.take(text):
                    self._backoff.good()
                    self._changed.notify()
        except asyncio.CancelledError:
            return True
        finally:
            self._reading = False
        self._lose(socket)
        return False

    def _lose(self, socket: AsyncWebSocket) -> None:
        self._ledger.lost()
        assert self._connected_at is not None, "there was a connection"
        self._backoff.good(monotonic() - self._connected_at)
        log.warning("%s: lost the connection to %s: %s", self._options.name, self._url,
                    socket.ending)  # fmt: skip

    async def _put_back(self, socket: AsyncWebSocket) -> None:
        try:
            async with asyncio.timeout(self._transport.endpoint.connect_timeout):
                while (text := self._ledger.put_back()) is not None:
                    await socket.send(text)
                    await self._await_answer(socket)
        except (ZoldyQError, TimeoutError) as error:
            reason = str(error) or "the server does not answer"
            log.warning("%s: putting back failed: %s", self._options.name, reason)

    async def _await_answer(self, socket: AsyncWebSocket) -> None:
        while self._ledger.awaits_answer:
            text = await socket.receive()
            if text is None:
                raise ConnectionLost(socket.ending)
            self._ledger.take(text)

    async def _connect(self) -> AsyncWebSocket | None:
        """Connect, again and again until that takes too long. None once closed."""
        connected_before = self._connected_at is not None
        deadline = Deadline(self._patience())
        if connected_before and await self._pause(math.inf):
            return None
        passing = PASSING_LATER if connected_before else PASSING
        attempts = 0
        while not self._closed:
            attempts += 1
            try:
                return await self._connect_once(attempts)
            except passing as error:
                if deadline.passed:
                    raise
                self._obstacle = error
                level = "warning" if attempts == 1 else "debug"
                getattr(log, level)("%s: %s; trying again", self._options.name, error)
            if await self._pause(deadline.left):
                return None
        return None

    def _patience(self) -> float:
        """Return for how many seconds to try to connect."""
        if self._connected_at is None:
            return self._transport.endpoint.connect_timeout
        return self._options.reconnect_seconds

    async def _pause(self, longest: float) -> bool:
        """Wait a moment; True if the stream was closed."""
        seconds = min(self._backoff.next(), longest)
        return await self._changed.wait_for(lambda: self._closed, seconds)

    async def _connect_once(self, attempts: int) -> AsyncWebSocket:
        room = self._ledger.open()
        query = urlencode({"credit": room, "count": room})
        socket = await open_websocket(self._transport, f"{self._options.path}?{query}")
        if self._connected_at is not None:
            log.info("%s: connected again to %s, at attempt %d", self._options.name, self._url,
                     attempts)  # fmt: skip
        self._connected_at = monotonic()
        return socket
