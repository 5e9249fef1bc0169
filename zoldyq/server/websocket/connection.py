"""One WebSocket connection: simple-websocket does the protocol, bursts of messages are ours.

simple-websocket runs the handshake, control frames, fragments and close. Unaided it loses part of
a large frame (its ``send`` ignores short writes), keeps an unbounded list of messages, takes 20 us
for each, and ends a connection whose peer answers pings late although it sends and takes messages
all the time. Its parts can be replaced, so it is given:

- a *socket* that writes through a :class:`Channel`, and hands it only what is no whole text
  message;
- a *selector* in whose ``select`` everything else happens: messages are read and answered, and
  the handler does its own work, until there is something for the library or it is time for a ping;
- a *thread* that is not started, so that its loop runs on the thread that calls
  :meth:`Connection.run`. A session has no other.

Nothing is read while bytes are kept that the peer has not taken, so a peer that does not read
cannot make the server hold more than one message and one read of it.
"""

from __future__ import annotations

import logging
import math
import sys
import threading
from collections.abc import Callable, Mapping
from time import monotonic, sleep
from typing import Any, Protocol

import simple_websocket

from zoldyq.server.websocket.channel import Channel
from zoldyq.server.websocket.frames import (
    INTERNAL_ERROR,
    MESSAGE_TOO_BIG,
    FrameSplitter,
    close_frame,
    closes,
)
from zoldyq.server.websocket.handshake import accepted_environ

_log = logging.getLogger(__name__)

#: Messages answered at once: longer bursts keep other threads from the interpreter.
BURST_TEXTS = 128

#: Seconds to sleep between bursts. To let go of the interpreter for a moment is not enough: a
#: thread that does nothing else takes it back before another one is awake.
YIELD_SECONDS = 50e-6

#: Seconds that a peer has to close its end after the last frame, and to take that frame if it has
#: shown no life for long.
LINGER_SECONDS = 1.0

#: Reads in a row before the handler gets to its own work, if the peer never stops sending.
_READS_IN_A_ROW = 16


def _longest_sleep() -> float:
    """Return the longest sleep in seconds.

    Without the GIL, what other threads free of a thread's objects waits until it wakes.
    """
    has_gil: Callable[[], bool] | None = getattr(sys, "_is_gil_enabled", None)
    return math.inf if has_gil is None or has_gil() else 1.0


class MessageHandler(Protocol):
    """Takes a client's messages in the order of arrival, and answers them over the channel.

    Called on the thread of :meth:`Connection.run` alone. Nothing more is read until a call returns.
    """

    def on_texts(self, texts: list[bytes]) -> None:
        """Take text messages. Each is UTF-8 and within the limit."""

    def on_binary(self, data: bytes) -> None:
        """Take a binary message."""

    def work(self) -> bool:
        """Do what can be done without waiting; tell whether there may be more to do at once.

        Called when nothing is left to read or to write, and after each ring of the channel.
        """

    def on_closing(self) -> None:
        """Take nothing on any more: the next frame is a close frame, or the peer has gone."""

    def close(self) -> None:
        """Let go of everything: the channel has sent its last. May be called more than once."""


class Connection:
    """A connection whose handshake was accepted. The answer to it is sent at once."""

    def __init__(
        self,
        environ: Mapping[str, Any],
        channel: Channel,
        handler: MessageHandler,
        *,
        subprotocol: str | None,
        max_message_bytes: int,
        ping_seconds: float,
    ) -> None:
        self._channel = channel
        self._handler = handler
        self._max_message_bytes = max_message_bytes
        self._splitter = FrameSplitter(max_message_bytes)
        self._splitter.feed(environ.get("zoldyq.unread", b""))
        self._rest = b""
        self._longest_sleep = _longest_sleep()
        self._lifeless = False  # whether the peer gave no sign of life for two pings
        self._protocol = simple_websocket.Server(
            accepted_environ(environ, _Socket(self), subprotocol),
            subprotocols=subprotocol,
            ping_interval=ping_seconds,
            max_message_size=max_message_bytes,
            thread_class=_Unstarted,
            event_class=threading.Event,
            selector_class=lambda: _Selector(self),
        )

    def run(self) -> None:
        """Serve until the connection has ended, and see the peer off."""
        try:
            self._protocol.thread.run()
            self._handler.on_closing()
        except Exception:  # noqa: BLE001 - one session must not take its server along
            _log.exception("a WebSocket session failed")
            self._fail()
        try:
            self._channel.finish(
                LINGER_SECONDS, send_seconds=LINGER_SECONDS if self._lifeless else None
            )
        finally:
            self._handler.close()

    # -- what simple-websocket sees as its selector and its socket -----------------------------

    def select(self, seconds: float) -> bool:
        """Serve until there is something for the library, or the time is up.

        Raises:
            ConnectionAbortedError: the session is to end, which ends the library's loop.
        """
        deadline = monotonic() + seconds
        pause = 0.0
        reads = 0
        while True:
            self._end_if_asked()
            kept = self._channel.pending
            if not kept and self._answer_input():
                return True
            readable = self._channel.wait(pause)
            if readable and reads < _READS_IN_A_ROW:
                reads += 1
                busy = True
                if self._read():
                    return True
            elif kept:
                busy = not self._channel.pending  # look for input before more is written
            else:
                reads = 0
                busy = self._handler.work()
            left = deadline - monotonic()
            if left <= 0:
                return self._take_signs_of_life()
            pause = 0.0 if busy else min(left, self._longest_sleep)

    def receive(self) -> bytes:
        """Return what :meth:`select` found for the library; empty at the end of the stream."""
        return self._rest

    def send(self, data: bytes) -> None:
        """Send what the library has to say."""
        if closes(data):
            self._handler.on_closing()
        self._channel.write_control(data)

    # -- parts of a turn -----------------------------------------------------------------------

    def _end_if_asked(self) -> None:
        """Send the close frame that somebody asked for; end if that or anything else is due."""
        farewell = self._channel.farewell
        if farewell is not None and not self._channel.over:
            self._handler.on_closing()
            self._channel.write_control(farewell)
        if farewell is not None or self._channel.over:
            raise ConnectionAbortedError

    def _answer_input(self) -> bool:
        """Answer what was read; tell whether there is something for the library.

        It stops where an answer is kept, or where the session is to end.
        """
        self._answer_assembled()
        while not self._stalled and (texts := self._splitter.take_texts(BURST_TEXTS)):
            self._handler.on_texts(texts)
            if len(texts) == BURST_TEXTS:
                sleep(YIELD_SECONDS)
        if self._stalled:
            return False
        self._rest = self._splitter.take_rest(self._protocol.receive_bytes)
        if self._rest:
            sleep(YIELD_SECONDS)  # as many come as the peer likes, and the library is slow
            return True
        if self._splitter.oversize:
            self._refuse_size()
        return False

    @property
    def _stalled(self) -> bool:
        channel = self._channel
        return channel.pending or channel.over or channel.farewell is not None

    def _read(self) -> bool:
        """Read once; tell whether that was the end of the stream, which is for the library."""
        chunk = self._channel.read()
        if chunk is None:
            return False
        self._protocol.pong_received = True  # any byte is a sign of life
        self._splitter.feed(chunk)
        self._rest = b""
        return not chunk

    def _take_signs_of_life(self) -> bool:
        """Count a peer that takes messages as one that answers pings; then it is pinged again."""
        if self._channel.shows_life():
            self._protocol.pong_received = True
        self._lifeless = not self._protocol.pong_received
        return False

    def _answer_assembled(self) -> None:
        """Answer the messages that the library has put together from fragments."""
        assembled = self._protocol.input_buffer
        while assembled and not self._stalled:
            message = assembled.pop(0)  # there is hardly ever more than one
            if isinstance(message, bytes):
                self._handler.on_binary(message)
            elif len(text := message.encode()) <= self._max_message_bytes:
                self._handler.on_texts([text])
            else:  # the library counts characters
                self._refuse_size()

    def _refuse_size(self) -> None:
        self._channel.start_close(
            MESSAGE_TOO_BIG, f"a message may have {self._max_message_bytes} bytes"
        )

    def _fail(self) -> None:
        """End after an error of the server's own: with a close frame, unless one is cut short."""
        if self._channel.pending:
            self._channel.abort()
        else:
            self._handler.close()
            self._channel.write_control(
                close_frame(INTERNAL_ERROR, "something failed inside the server: see its log")
            )


class _Unstarted:
    """Stands in for a thread: keeps the loop to be run, and starts nothing."""

    name = ""

    def __init__(self, target: Callable[[], None]) -> None:
        self.run = target

    def start(self) -> None:
        """Do nothing: :meth:`Connection.run` calls the loop."""


class _Socket:
    """A connection in the form of a socket."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def send(self, data: bytes) -> None:
        self._connection.send(data)

    def recv(self, size: int) -> bytes:
        return self._connection.receive()

    def close(self) -> None:
        """Do nothing: the socket belongs to the server that accepted it."""


class _Selector:
    """A connection in the form of a selector over its own socket."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def register(self, sock: _Socket, events: int, data: object) -> None:
        """Do nothing: there is but one socket."""

    def select(self, seconds: float) -> bool:
        return self._connection.select(seconds)

    def close(self) -> None:
        """Do nothing: the channel owns what is watched."""
