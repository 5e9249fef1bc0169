"""A WebSocket over wsproto, the protocol engine of simple-websocket.

simple-websocket's own client loses what arrives together with the reply to the handshake until
more arrives, hides why a handshake was refused, tries but the first address of a host, and throws
away at its close what is still on the way. A stream of consumed messages can afford none of that.

A thread reads, so that pings are answered while the consumer works. What it has read waits in a
queue; how much that can be is for the user to bound, with credit (:mod:`zoldyq.client.stream`).
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import ProtocolError

from zoldyq.client.endpoint import Endpoint
from zoldyq.client.errors import (
    ConnectionLost,
    UnexpectedReply,
    connection_failed,
    error_of,
    reason_of,
)
from zoldyq.client.own_work import own_work

# The kind that has no descriptor of its own: a child process would share that after a fork.
_Selector: type[selectors.BaseSelector] = getattr(
    selectors, "PollSelector", selectors.SelectSelector
)

_READ_BYTES = 1 << 16
_NORMAL_CLOSURE = 1000

#: After so many seconds without a byte from the server it is asked for a sign of life, and after
#: as many more the connection is given up.
_SILENCE_SECONDS = 30.0


class WebSocket:
    """An open connection. One thread receives; any may send or close.

    ``timeout`` bounds the handshake and each sending, in seconds.

    Raises:
        ConnectionFailed: there is no connection.
        ConnectionLost: the handshake was not answered.
        ZoldyQError: what the server answered to the handshake.
    """

    def __init__(self, endpoint: Endpoint, path: str, timeout: float) -> None:
        self._endpoint = endpoint
        self._url = endpoint.url
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._received: SimpleQueue[str | None] = SimpleQueue()
        # Guards the protocol's state and the socket, of which TLS lets only one thread use either
        # direction. Held across a send, but never while there is nothing to receive.
        self._lock = Lock()
        self._closing = False  # guarded by the lock: a close frame was sent
        self._text: list[str] = []  # the parts of a message that is not here whole; the reader's
        self._socket = _connect(endpoint, timeout)
        try:
            self._shake_hands(path)
        except BaseException:
            self._socket.close()
            raise
        #: Why the connection has ended, once it has.
        self.ending = "the connection broke"
        Thread(target=self._read, name="zoldyq-stream", daemon=True).start()

    def receive(self, timeout: float | None = None) -> str | None:
        """Return the next text message, waiting for it; None at the end of the connection.

        After :meth:`wake`, an empty text.

        Raises:
            queue.Empty: nothing came within ``timeout`` seconds.
        """
        text = self._received.get(timeout=timeout)
        if text is None:
            self._received.put(None)  # the next call gets the same answer
        return text

    def wake(self) -> None:
        """Have :meth:`receive` return. Takes no lock, so a signal handler may call it."""
        self._received.put("")

    def send(self, text: str) -> None:
        """Send a text message. Raises ConnectionLost if the connection is at its end."""
        with self._lock:
            if self._closing:
                raise ConnectionLost(f"the connection to {self._url} is closed")
            try:
                self._socket.sendall(self._protocol.send(TextMessage(data=text)))
            except (OSError, ProtocolError) as error:
                raise ConnectionLost(f"the connection to {self._url} broke ({error})") from error

    def close(self) -> None:
        """Say goodbye and end the connection. What was not received by then is lost."""
        with self._lock:
            if not self._closing:
                self._closing = True
                # Where this fails the connection is at its end.
                with suppress(OSError, ProtocolError):
                    self._socket.sendall(self._protocol.send(CloseConnection(code=_NORMAL_CLOSURE)))
        self.abort()

    def abort(self) -> None:
        """End the connection at once. Takes no lock, so it may be called from anywhere."""
        with suppress(OSError):  # it has ended already
            self._socket.shutdown(socket.SHUT_RDWR)

    # -- the handshake -----------------------------------------------------------------------

    def _shake_hands(self, path: str) -> None:
        address = self._endpoint.address
        request = Request(
            host=address.authority,
            target=address.target(path),
            extra_headers=[
                (name.encode(), value.encode("latin-1"))
                for name, value in self._endpoint.headers.items()
            ],
        )
        try:
            self._socket.sendall(self._protocol.send(request))
            self._await_acceptance()
        except (OSError, ProtocolError) as error:
            raise ConnectionLost(f"{self._url} did not answer ({reason_of(error)})") from error

    def _await_acceptance(self) -> None:
        """Read until the server has accepted; later events stay in the protocol."""
        events = self._events()
        first = next(events)
        if isinstance(first, RejectConnection):
            parts = []
            while first.has_body and isinstance(event := next(events), RejectData):
                parts.append(bytes(event.data))
                if event.body_finished:
                    break
            raise error_of(
                first.status_code,
                b"".join(parts),
                self._url,
                with_token=self._endpoint.headers.with_token,
            )
        if not isinstance(first, AcceptConnection):
            raise UnexpectedReply(f"{self._url} does not speak WebSocket: check the address")

    def _events(self) -> Iterator[Event]:
        while True:
            yield from self._protocol.events()
            data = self._socket.recv(_READ_BYTES)
            if not data:
                raise ConnectionResetError("it closed the connection")
            self._protocol.receive_data(data)

    # -- the reader --------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            with own_work(), self._socket, _Selector() as selector:
                selector.register(self._socket, selectors.EVENT_READ)
                self._read_until_closed(selector)
        except (OSError, ProtocolError) as error:
            self.ending = str(error) or self.ending
        finally:
            self._received.put(None)

    def _read_until_closed(self, selector: selectors.BaseSelector) -> None:
        asked = False  # whether the server has been asked for a sign of life
        while self._handle_events():
            pending = getattr(self._socket, "pending", None)  # bytes that TLS has decrypted
            if (pending is not None and pending()) or selector.select(_SILENCE_SECONDS):
                asked = False
                with self._lock:
                    data = self._socket.recv(_READ_BYTES)
                    self._protocol.receive_data(data or None)
            elif asked:
                self.ending = f"the server has been silent for {2 * _SILENCE_SECONDS:g} s"
                return
            else:
                asked = True
                with self._lock:
                    self._socket.sendall(self._protocol.send(Ping()))

    def _handle_events(self) -> bool:
        """Take in what was received; tell whether more may come."""
        with self._lock:
            for event in self._protocol.events():
                if isinstance(event, TextMessage):
                    self._take(event)
                elif isinstance(event, Ping) and not self._closing:
                    self._socket.sendall(self._protocol.send(event.response()))
                elif isinstance(event, CloseConnection):
                    self._answer_close(event)
                    return False
        return True

    def _take(self, event: TextMessage) -> None:
        self._text.append(event.data)
        if event.message_finished:
            self._received.put("".join(self._text))
            self._text.clear()

    def _answer_close(self, event: CloseConnection) -> None:
        if event.code == CloseReason.ABNORMAL_CLOSURE:
            return  # there was no close frame: the peer has gone
        self.ending = f"the server closed it ({int(event.code)} {event.reason or ''})"
        if not self._closing:
            self._closing = True
            self._socket.sendall(self._protocol.send(event.response()))


def _connect(endpoint: Endpoint, timeout: float) -> socket.socket:
    try:
        return endpoint.connect(timeout)
    except OSError as error:
        raise connection_failed(endpoint.url, error) from error
