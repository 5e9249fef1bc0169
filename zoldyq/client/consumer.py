"""A stream of messages that are consumed as they become available.

The server pushes over a WebSocket, but no more than it was granted: a consumer holds at most
``credit`` messages, whether it is slow or frozen. It reconnects when the connection breaks; what it
had received by then it still hands out.
"""

from __future__ import annotations

import math
import random
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from threading import Event, Lock
from types import TracebackType
from urllib.parse import urlencode

import msgspec

from zoldyq.client.deadline import Deadline
from zoldyq.client.documents import Batch, Message
from zoldyq.client.errors import ConnectionLost, ServerUnreachable, error_of
from zoldyq.client.transport import Transport
from zoldyq.client.websocket import WebSocket
from zoldyq.contract.errors import Overloaded

#: Seconds between attempts to connect: the first pause, doubled up to the longest.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0

_decode_batch = msgspec.json.Decoder(Batch).decode


class Consumer:
    """Iterate over it for messages; use it as a context manager, or close it, to end the stream.

    It is made by :meth:`RemoteQueue.consume`, where the parameters are explained. Iterate with
    one thread; any other may call :meth:`close`.
    """

    def __init__(
        self,
        transport: Transport,
        path: str,
        *,
        credit: int,
        limit: int | None,
        reconnect_seconds: float | None,
    ) -> None:
        self._transport = transport
        self._path = path
        self._credit = credit
        self._reconnect_seconds = reconnect_seconds
        self._left: float = math.inf if limit is None else limit  # messages still to hand out
        self._granted = 0  # messages that the server may still send
        self._messages: deque[Message] = deque()  # received, not handed out
        self._connected_before = False
        self._closed = Event()
        # Guards the field below: whoever closes must meet a connection that was made meanwhile.
        self._lock = Lock()
        self._socket: WebSocket | None = None
        # Ends the connection of a consumer that was dropped without having been closed.
        self._finalizer: weakref.finalize[[], Consumer] | None = None

    def __iter__(self) -> Iterator[Message]:
        return self

    def __next__(self) -> Message:
        """Return the next message, waiting for it.

        Raises:
            StopIteration: the consumer was closed, or has had its ``limit`` of messages.
            ServerUnreachable, Overloaded: there was no connection for too long.
            ZoldyQError: the server refuses this stream.
        """
        self._grant()
        while not self._messages:
            if not self._left:
                self.close()
                raise StopIteration
            self._receive(self._socket or self._connect())
        self._left -= 1
        return self._messages.popleft()

    def close(self) -> None:
        """End the stream, from any thread.

        Messages that are on their way or here already are still handed out: go on iterating until
        the end, and none is lost. The server sends nothing more.
        """
        self._closed.set()
        with self._lock:
            if self._socket is not None:
                self._socket.close()

    def __enter__(self) -> Consumer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- helpers -----------------------------------------------------------------------------

    @property
    def _room(self) -> int:
        """How many more messages may be on their way."""
        return int(min(self._credit, self._left)) - self._granted - len(self._messages)

    def _grant(self) -> None:
        """Grant what was used up, several messages at once."""
        room = self._room
        few = 0 < room < self._credit // 2 and (self._granted or self._messages)
        if room <= 0 or few or self._socket is None or self._closed.is_set():
            return
        # Without a connection the next one begins with new credit.
        with suppress(ConnectionLost):
            self._socket.send(f'{{"credit":{room}}}')
            self._granted += room

    def _receive(self, sock: WebSocket) -> None:
        text = sock.receive()
        if text is None:
            with self._lock:
                self._socket = None
            self._granted = 0
            if self._finalizer is not None:
                self._finalizer.detach()
            return
        try:
            messages = _decode_batch(text).messages
        except msgspec.ValidationError:
            raise error_of(200, text.encode(), self._transport.endpoint.url) from None
        self._messages.extend(messages)
        self._granted -= len(messages)

    def _connect(self) -> WebSocket:
        """Connect, again and again until that takes too long. Raises StopIteration once closed."""
        deadline = Deadline(self._patience())
        pause = _FIRST_PAUSE
        if self._connected_before:
            self._closed.wait(pause)  # a server that closes at once is not to be hammered
        while not self._closed.is_set():
            try:
                return self._connect_once()
            except (ServerUnreachable, Overloaded):
                if deadline.left <= pause:
                    raise
            self._closed.wait(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, _LONGEST_PAUSE)
        raise StopIteration

    def _patience(self) -> float:
        """Return for how many seconds to try to connect."""
        if not self._connected_before:
            return self._transport.endpoint.connect_timeout
        return math.inf if self._reconnect_seconds is None else self._reconnect_seconds

    def _connect_once(self) -> WebSocket:
        room = self._room
        query = urlencode({"credit": room, "count": room})
        transport = self._transport
        sock = WebSocket(
            transport.endpoint, f"{self._path}?{query}", transport.endpoint.connect_timeout
        )
        self._finalizer = weakref.finalize(self, sock.abort)
        self._granted = room
        self._connected_before = True
        with self._lock:
            self._socket = sock
        if self._closed.is_set():
            sock.close()
        return sock
