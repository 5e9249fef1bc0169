"""A stream of messages: connections that are made anew, and an end that loses nothing.

The server pushes over a WebSocket, but no more than it was granted, so a consumer holds at most
``credit`` messages. What it holds at its end it puts back (:mod:`zoldyq.client.ledger`).

One thread at a time is in :meth:`Stream.next` or ends the stream: it has the *turn*. Any thread may
ask for the end, also a signal handler that has interrupted the one with the turn, and a finalizer
that runs wherever the garbage collector does. So :meth:`Stream.close` waits for no lock: if it does
not get the turn it leaves word, and the thread with the turn ends the stream.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from urllib.parse import urlencode

from zoldyq.client.backoff import Backoff
from zoldyq.client.deadline import Deadline
from zoldyq.client.documents import Message
from zoldyq.client.endpoint import Endpoint
from zoldyq.client.errors import ConnectionLost, ServerUnreachable, UnexpectedReply
from zoldyq.client.forks import renew_in_children
from zoldyq.client.ledger import Ledger
from zoldyq.client.options import StreamOptions
from zoldyq.client.own_work import is_own_work, log
from zoldyq.client.websocket import WebSocket
from zoldyq.contract.errors import InternalError, Overloaded, ZoldyQError

#: What may be over after a while.
PASSING = (ServerUnreachable, Overloaded)
#: The same for a server that has served this stream before: what else answers at its address then
#: is a gateway's page.
PASSING_LATER = (*PASSING, UnexpectedReply, InternalError)

#: A finalizer has so many seconds to put back what is held: it holds up the thread it runs on.
_FINALIZER_SECONDS = 2.0


class Stream:
    """The stream behind a :class:`Consumer`, which may be collected before the stream has ended."""

    def __init__(self, endpoint: Endpoint, options: StreamOptions) -> None:
        self._endpoint = endpoint
        self._options = options
        self._ledger = Ledger(options.credit, options.limit, endpoint.url)
        self._backoff = Backoff()
        # The turn: guards everything but the fields that say otherwise.
        self._turn = threading.Lock()
        self._closed = False  # set by any thread, and never unset
        self._wakes: SimpleQueue[None] = SimpleQueue()  # ends a pause between two attempts
        self._socket: WebSocket | None = None  # read without the turn, to wake its receiver
        self._connected_at: float | None = None  # when the last connection was made
        self._ended = False
        renew_in_children(self, Stream._begin_anew)

    @property
    def leftover(self) -> tuple[Message, ...]:
        """What was held at the end and could not be put back."""
        return tuple(self._ledger.held) if self._ended else ()

    def next(self) -> Message | None:
        """Return the next message, waiting for it; None at the end.

        Raises:
            ServerUnreachable, Overloaded: there was no connection for too long.
            ZoldyQError: the server refuses this stream.
        """
        with self._turn:
            message = self._next(self._options.idle_timeout)
            if message is None:
                self._end(self._endpoint.connect_timeout)
            return message

    def poll(self, seconds: float, keep: int) -> Message | None:
        """Return the next message if it comes within ``seconds``, else None; the stream goes on.

        The last ``keep`` messages count as credit in use, so that they can be handed back.
        Connecting is not bounded by ``seconds``. Raises: as :meth:`next`.
        """
        with self._turn:
            self._ledger.kept = keep
            if self._socket is None and not self._ledger.held and not self.over:
                self._connect(Deadline(math.inf))
            return self._next(seconds)

    @property
    def over(self) -> bool:
        """Whether no message will be handed out any more."""
        return self._closed or not self._ledger.left

    @property
    def fetched(self) -> int:
        """How many messages are here and were not handed out."""
        with self._turn:
            return len(self._ledger.held)

    def end_with(self, messages: Sequence[Message]) -> None:
        """End the stream, and put back these messages too. They were handed out last, in order."""
        with self._turn:
            if not self._ended:
                self._ledger.hand_back(messages)
                self._end(self._endpoint.connect_timeout)

    def close(self) -> None:
        """End the stream and put back what is held. From any thread, and from a signal handler.

        If another call has the turn, that one does so, and this one returns at once.
        """
        self._close(self._endpoint.connect_timeout)

    def finalize(self) -> None:
        """End the stream for a consumer that was dropped."""
        if is_own_work():
            # The collector runs on a thread that reads for a stream: it must not wait for itself.
            threading.Thread(target=self._close, args=(_FINALIZER_SECONDS,), daemon=True).start()
        else:
            self._close(_FINALIZER_SECONDS)

    # -- the end ---------------------------------------------------------------------------------

    def stop(self) -> None:
        """Hand out no more messages and wait for none; what is held stays until the end.

        Takes no lock and waits for nothing, so it is safe in a signal handler, whatever the thread
        that was interrupted holds.
        """
        self._closed = True
        self._wakes.put(None)
        sock = self._socket
        if sock is not None:
            sock.wake()

    def _close(self, seconds: float) -> None:
        self.stop()
        if self._turn.acquire(blocking=False):
            try:
                self._end(seconds)
            finally:
                self._turn.release()

    def _end(self, seconds: float) -> None:
        """Put back what is held, within so many seconds, and close. The caller has the turn."""
        if self._ended:
            return
        self._closed = self._ended = True
        sock, self._socket = self._socket, None
        if sock is not None:
            try:
                self._put_back(sock, Deadline(seconds))
            except (ZoldyQError, Empty) as error:
                reason = str(error) or "the server does not answer"
                log.warning("%s: putting back failed: %s", self._options.name, reason)
            finally:
                sock.close()
        held = len(self._ledger.held)
        if held:
            log.warning("%s: %d messages could not be put back", self._options.name, held)

    def _put_back(self, sock: WebSocket, deadline: Deadline) -> None:
        while (text := self._ledger.put_back()) is not None:
            sock.send(text)
            while self._ledger.awaits_answer:
                received = sock.receive(deadline.left)
                if received is None:
                    raise ConnectionLost(sock.ending)
                if received:
                    self._ledger.take(received)

    # -- messages --------------------------------------------------------------------------------

    def _next(self, seconds: float) -> Message | None:
        if self._closed:
            return None
        ledger = self._ledger
        # The program is done with the last message, so the server may send another.
        if (text := ledger.grant()) is not None:
            self._send_grant(text)
        return ledger.next() or self._await_message(ledger, Deadline(seconds))

    def _send_grant(self, text: str) -> None:
        # Without a connection the next one begins with new credit.
        if self._socket is not None:
            with suppress(ConnectionLost):  # the receiver is told, after what has come by then
                self._socket.send(text)

    def _await_message(self, ledger: Ledger, idle: Deadline) -> Message | None:
        while not self._closed and ledger.left and self._receive(idle):
            message = ledger.next()
            if message is not None:
                return message
        return None

    def _receive(self, idle: Deadline) -> bool:
        """Wait for messages; False if the stream ends without any."""
        sock = self._socket or self._connect(idle)
        if sock is None:
            return False
        try:
            text = sock.receive(None if idle.left == math.inf else idle.left)
        except Empty:
            return False
        if text is None:
            self._lose(sock)
        elif text and self._ledger.take(text):
            self._backoff.good()
        return True

    # -- connections -----------------------------------------------------------------------------

    def _lose(self, sock: WebSocket) -> None:
        self._socket = None
        self._ledger.lost()
        assert self._connected_at is not None, "there was a connection"
        self._backoff.good(monotonic() - self._connected_at)
        if not self._closed:
            log.warning("%s: lost the connection to %s: %s", self._options.name,
                        self._endpoint.url, sock.ending)  # fmt: skip

    def _connect(self, idle: Deadline) -> WebSocket | None:
        """Connect, again and again until that takes too long. None once closed or idle too long."""
        connected_before = self._connected_at is not None
        deadline = Deadline(self._patience())
        if connected_before and self._pause(idle):
            return None
        passing = PASSING_LATER if connected_before else PASSING
        attempts = 0
        while not self._closed:
            attempts += 1
            try:
                return self._connect_once(attempts)
            except passing as error:
                if deadline.passed or (not connected_before and idle.passed):
                    raise
                level = "warning" if attempts == 1 else "debug"
                getattr(log, level)("%s: %s; trying again", self._options.name, error)
            if self._pause(idle, deadline):
                return None
        return None

    def _patience(self) -> float:
        """Return for how many seconds to try to connect."""
        if self._connected_at is None:
            return self._endpoint.connect_timeout
        return self._options.reconnect_seconds

    def _pause(self, *deadlines: Deadline) -> bool:
        """Wait a moment; True if the stream was closed or has been idle for too long."""
        seconds = min(self._backoff.next(), *(deadline.left for deadline in deadlines))
        try:
            self._wakes.get(timeout=seconds)
        except Empty:
            return self._connected_at is not None and deadlines[0].passed
        return True

    def _connect_once(self, attempts: int) -> WebSocket:
        room = self._ledger.open()
        query = urlencode({"credit": room, "count": room})
        endpoint = self._endpoint
        sock = WebSocket(endpoint, f"{self._options.path}?{query}", endpoint.connect_timeout)
        if self._connected_at is not None:
            log.info("%s: connected again to %s, at attempt %d", self._options.name,
                     endpoint.url, attempts)  # fmt: skip
        self._connected_at = monotonic()
        self._socket = sock
        if self._closed:
            sock.wake()  # the word was left before there was a socket to wake
        return sock

    def _begin_anew(self) -> None:
        """Leave connection and messages to the parent process. Called in a child."""
        self._turn = threading.Lock()
        self._wakes = SimpleQueue()
        self._socket = None
        self._ledger = Ledger(self._options.credit, self._ledger.left, self._endpoint.url)
        self._backoff = Backoff()
        self._connected_at = None
