"""One WebSocket connection: simple-websocket does the protocol, bursts of messages are ours.

simple-websocket runs the handshake, control frames, fragments and close. Unaided it loses part of
a large frame (its ``send`` ignores short writes), mixes up the frames of two threads, keeps an
unbounded list of messages and needs 20 us for each. Its parts can be replaced, so it is given:

- a *socket* that writes through a :class:`Channel`, and hands it only what is no whole text
  message;
- a *selector* in whose ``select`` all other messages are read and answered, a burst at a time,
  until there is something for it to do, or it is time for a ping;
- a *thread* that is not started, so that its loop runs wherever :meth:`Connection.run` is called.

Nothing is read while answers are being written, so a peer that does not read cannot make the
server hold more than one message and one read of it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from time import monotonic, sleep
from typing import Any, Protocol

import simple_websocket

from zoldyq.server.websocket.channel import Channel
from zoldyq.server.websocket.frames import INTERNAL_ERROR, MESSAGE_TOO_BIG, FrameSplitter
from zoldyq.server.websocket.handshake import accepted_environ

_log = logging.getLogger(__name__)

#: Messages answered at once: longer bursts keep other threads from the interpreter.
BURST_TEXTS = 128

#: Seconds to sleep between bursts. To let go of the interpreter for a moment is not enough:
#: whoever does nothing else takes it back before another thread is awake.
YIELD_SECONDS = 50e-6

#: Seconds that a peer has to close its end after the last frame.
LINGER_SECONDS = 1.0


class MessageHandler(Protocol):
    """Takes a client's messages in the order of arrival, and answers them over the channel.

    Called on the thread of :meth:`Connection.run`. Nothing more is read until it returns.
    """

    def on_texts(self, texts: list[bytes]) -> None:
        """Take text messages. Each is UTF-8 and within the limit."""

    def on_binary(self, data: bytes) -> None:
        """Take a binary message."""


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
        """Answer messages until the connection has ended, and see the peer off."""
        try:
            self._protocol.thread.run()
        except Exception:  # noqa: BLE001 - one session must not take its server along
            _log.exception("a WebSocket session failed")
            self._channel.start_close(INTERNAL_ERROR, "the server's log has the rest")
        self._channel.linger(LINGER_SECONDS)

    # -- what simple-websocket sees as its selector and its socket -----------------------------

    def select(self, seconds: float) -> bool:
        """Answer messages until there is something for the library, or the time is up."""
        deadline = monotonic() + seconds
        while True:
            self._answer_assembled()
            self._answer_texts()
            self._rest = self._splitter.take_rest(self._protocol.receive_bytes)
            if self._rest:
                sleep(YIELD_SECONDS)  # as many come as the peer likes, and the library is slow
                return True
            if self._splitter.oversize:
                self._refuse_size()
            if self._channel.closing:
                raise ConnectionAbortedError  # ends the library's loop
            left = deadline - monotonic()
            if left <= 0 or not self._channel.wait_readable(left):
                return False
            chunk = self._channel.read()
            if not chunk:
                return True
            self._splitter.feed(chunk)

    def receive(self) -> bytes:
        """Return what :meth:`select` found for the library; empty at the end of the stream."""
        return self._rest

    def send(self, data: bytes) -> None:
        """Send what the library has to say."""
        self._channel.write_control(data)

    # -- messages ----------------------------------------------------------------------------

    def _answer_texts(self) -> None:
        while texts := self._splitter.take_texts(BURST_TEXTS):
            self._handler.on_texts(texts)
            if len(texts) == BURST_TEXTS:
                sleep(YIELD_SECONDS)

    def _answer_assembled(self) -> None:
        """Answer the messages that the library has put together from fragments."""
        assembled = self._protocol.input_buffer
        while assembled:
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
