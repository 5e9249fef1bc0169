"""A reactor on a thread of its own, and connections to it over socket pairs."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.contract.raw import Wire
from tests.helpers import Task
from zoldyq.queue import QueueManager
from zoldyq.server.api.access import AccessPolicy
from zoldyq.server.api.operations import Limits, Operations
from zoldyq.server.native.connection import Connection
from zoldyq.server.native.http.buffer import RequestBuffer
from zoldyq.server.native.http.engine import Times
from zoldyq.server.native.http.head import Head
from zoldyq.server.native.http.head_reader import HeadReader
from zoldyq.server.native.http.render import Renderer
from zoldyq.server.native.http.routing import Router
from zoldyq.server.native.loop.reactor import Reactor
from zoldyq.server.native.stream import PlainStream
from zoldyq.wire import Buffer

T = TypeVar("T")


class ReactorThread:
    """Runs a reactor. Use it in a ``with``."""

    def __init__(self) -> None:
        self.renderer = Renderer(75)
        self.reactor = Reactor("test", self.renderer.tick)
        self._thread = threading.Thread(target=self.reactor.run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.reactor.stop()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def call(self, function: Callable[[], T]) -> T:
        """Return what a function returned on the reactor's thread."""
        done = threading.Event()
        results: list[T] = []

        def run() -> None:
            try:
                results.append(function())
            finally:
                done.set()

        self.reactor.post(run)
        assert done.wait(10)
        return results[0]


class Rig(ReactorThread):
    """A server without a listener: the host of connections that tests make.

    ``answer`` is the response to all that the loop does not answer itself; without one, nobody
    does.
    """

    def __init__(
        self, times: Times | None = None, *, max_body_bytes: int = 1 << 20, answer: bytes = b""
    ) -> None:
        super().__init__()
        self.queues = QueueManager()
        self.operations = Operations(self.queues, Limits(max_body_bytes=max_body_bytes))
        self.times = times or Times()
        self.submitted: list[tuple[Connection, Head, bytes]] = []
        self.detached: list[tuple[Connection, bytes]] = []
        self.ended = 0
        self._answer = answer
        router = Router(self.operations, AccessPolicy())
        self._heads = HeadReader(router.prepare, self.operations.limits.max_body_bytes)

    # -- what a connection needs of its host ---------------------------------------------------

    def submit(self, connection: Connection, head: Head, body: Buffer) -> None:
        self.submitted.append((connection, head, bytes(body)))
        if self._answer:
            answered = partial(connection.answered, self._answer, close=not head.keep_alive)
            self.reactor.post(answered)

    def detach(self, connection: Connection, head: Head, unread: bytes) -> None:
        self.detached.append((connection, unread))
        connection.stream.close()
        self.closed(connection)

    def closed(self, connection: Connection) -> None:
        self.ended += 1

    # -- what tests need -----------------------------------------------------------------------

    def connect(self, *, buffer: int | None = None) -> tuple[Connection, Pipe]:
        """Return a new connection and its client's end; ``buffer`` bytes are sent at once."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        if buffer is not None:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        requests = RequestBuffer(self._heads, 1 << 14)
        stream = PlainStream(ours)
        connection = self.call(
            lambda: Connection(
                stream, ("test", 0), self.reactor, self, buffer=requests, renderer=self.renderer
            )
        )
        return connection, Pipe(theirs)

    def enqueue(self, queue: str, *payloads: object) -> None:
        self.queues.enqueue_many(queue, [json.dumps(payload).encode() for payload in payloads])

    def left(self, queue: str) -> list[Any]:
        """Take all messages out of a queue."""
        return [json.loads(m.payload) for m in self.queues.dequeue_many(queue, 1_000_000)]

    def wait_idle(self) -> None:
        """Return once the reactor has done all that was to do when this was called."""
        Task(lambda: self.call(lambda: None)).result()


class Pipe(Wire):
    """A client's end of a socket pair."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(20)
        self.socket = sock
        self._data = b""

    def payloads(self) -> list[object]:
        """Read all responses that come whole, and return the payloads in them."""
        payloads: list[object] = []
        with suppress(AssertionError):  # the end of the connection
            while True:
                response = self.response()
                if response.status == 200:
                    document = response.json()
                    messages = document.get("messages", [document])
                    payloads += [message["payload"] for message in messages]
        return payloads
