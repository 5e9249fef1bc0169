"""The native server: its listeners, event loops and workers, and how they start and stop."""

from __future__ import annotations

import logging
import socket
import threading
import time
from functools import partial
from wsgiref.types import WSGIApplication

import msgspec

from zoldyq.contract import defaults
from zoldyq.contract.errors import TooManyConnections, TooManyWebSockets
from zoldyq.server.api.access import AccessPolicy
from zoldyq.server.api.operations import Operations
from zoldyq.server.native.application import call_application, make_environ, render_wsgi
from zoldyq.server.native.connection import Connection
from zoldyq.server.native.handshakes import HandshakePace
from zoldyq.server.native.http.buffer import RequestBuffer
from zoldyq.server.native.http.engine import Times
from zoldyq.server.native.http.head import Head
from zoldyq.server.native.http.head_reader import HeadReader
from zoldyq.server.native.http.render import CLOSE_LINES, Renderer, keep_alive_lines
from zoldyq.server.native.http.routing import Router
from zoldyq.server.native.loop.listener import Listener
from zoldyq.server.native.loop.reactor import Reactor
from zoldyq.server.native.pool import WorkerPool
from zoldyq.server.native.stream import PlainStream, Stream
from zoldyq.server.native.tls_stream import TlsStream
from zoldyq.server.sockets import describe, open_tcp, open_unix
from zoldyq.server.tls import Certificate
from zoldyq.wire import Buffer

_log = logging.getLogger(__name__)

#: Connections beyond the limit that are told so, rather than just closed.
_REFUSED_POLITELY = 128


class NativeLimits(msgspec.Struct, frozen=True):
    """What all clients together may take: bytes of a request head, and numbers of the rest."""

    max_header_bytes: int = defaults.MAX_HEADER_BYTES
    max_connections: int = defaults.MAX_CONNECTIONS
    max_websockets: int = defaults.MAX_WEBSOCKETS
    threads: int = defaults.THREADS
    reactors: int = 1
    backlog: int = defaults.BACKLOG


#: How long an event loop gets to forget its heads, in seconds.
_FORGET_SECONDS = 5.0


class _Loop:
    """An event loop, with what its connections share. ``load`` is how many there are."""

    def __init__(self, name: str, router: Router, idle_seconds: float) -> None:
        self.renderer = Renderer(idle_seconds)
        self.reactor = Reactor(name, self.renderer.tick)
        self.heads = HeadReader(router.prepare, router.max_body_bytes)
        self.handshakes = HandshakePace(self.reactor)
        self.load = 0


class NativeServer:
    """Serves the hot path itself, and everything else through a WSGI application.

    ``listen``, then ``start``; ``stop_accepting`` and ``stop`` in the end. Several reactors share
    the connections evenly; each connection stays with one.
    """

    def __init__(
        self,
        application: WSGIApplication,
        operations: Operations,
        access: AccessPolicy,
        limits: NativeLimits | None = None,
        times: Times | None = None,
        *,
        certificate: Certificate | None = None,
    ) -> None:
        self.operations = operations
        self.times = times or Times()
        self._application = application
        self._limits = limits or NativeLimits()
        self._certificate = certificate
        self._scheme = "http" if certificate is None else "https"
        router = Router(operations, access)
        self._keep_alive = keep_alive_lines(self.times.idle)
        self._loops = [
            _Loop(f"zoldyq-reactor-{number + 1}", router, self.times.idle)
            for number in range(self._limits.reactors)
        ]
        access.watch(self._forget_routes)
        self._pool = WorkerPool(self._limits.threads, "zoldyq-worker")
        self._sockets: list[socket.socket] = []
        self._address = ("localhost", 80)  # the name and port that the application is told
        self._listeners: list[Listener] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()  # guards the fields below
        self._open = 0  # and the loads of the loops
        self._websockets: set[threading.Thread] = set()

    # -- starting and stopping ---------------------------------------------------------------

    def listen(self, host: str, port: int, unix_socket: str | None = None) -> list[str]:
        """Open the listening sockets and return their addresses.

        Raises:
            OSError: an address cannot be had.
        """
        if unix_socket is not None:
            self._sockets.append(open_unix(unix_socket, self._limits.backlog))
        else:
            self._sockets += open_tcp(host, port, self._limits.backlog)
        if self._sockets[0].family != socket.AF_UNIX:
            self._address = self._sockets[0].getsockname()[:2]
        return [describe(sock, self._scheme) for sock in self._sockets]

    def start(self) -> None:
        """Begin to serve, on threads of the server's own."""
        for sock in self._sockets:
            self._listeners.append(Listener(sock, self._loops[0].reactor, self._accepted))
        for reactor in self._reactors():
            thread = threading.Thread(target=reactor.run, name=reactor.name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop_accepting(self) -> None:
        """Refuse new connections; those that are open stay usable."""
        for listener in self._listeners:
            self._loops[0].reactor.post(listener.close)

    def stop(self, timeout: float = 5.0) -> None:
        """Answer what is being worked on, close all connections and end all threads.

        WebSocket sessions have been told to end by now; they get ``timeout`` seconds to do so.
        """
        self.stop_accepting()
        self._pool.close()
        # The first one last: an engine works on it, to which the others return messages.
        for reactor, thread in reversed(list(zip(self._reactors(), self._threads, strict=False))):
            reactor.stop()
            thread.join()
        deadline = time.monotonic() + timeout
        with self._lock:
            sessions = list(self._websockets)
        for thread in sessions:
            thread.join(max(deadline - time.monotonic(), 0))

    @property
    def first_loop(self) -> Reactor:
        """The event loop that ends behind all others."""
        return self._loops[0].reactor

    def _reactors(self) -> list[Reactor]:
        return [loop.reactor for loop in self._loops]

    @property
    def connections(self) -> int:
        """How many connections are open, those of WebSocket sessions included."""
        with self._lock:
            return self._open

    def _forget_routes(self) -> None:
        """Let no head outlive the token that it was let in with; return when all are forgotten."""
        waits = []
        for loop in self._loops:
            forgotten = threading.Event()
            loop.reactor.post(partial(_forget, loop.heads, forgotten))
            waits.append(forgotten.wait)
        if self._threads:
            for wait in waits:
                wait(_FORGET_SECONDS)

    # -- connections -------------------------------------------------------------------------

    def _accepted(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        """Give a new connection to the loop with the fewest; runs in the first loop.

        In turns, the few connections that are busy could all meet in the same loop.
        """
        with self._lock:
            excess = self._open - self._limits.max_connections
            loop = min(self._loops, key=_load_of)
            if excess < _REFUSED_POLITELY:
                self._open += 1
                loop.load += 1
        if excess >= _REFUSED_POLITELY:
            self.operations.refusals.count(TooManyConnections.code)
            sock.close()
            return
        adopt = partial(self._adopt, sock, peer, loop, refused=excess >= 0)
        if loop is self._loops[0]:
            adopt()
        else:
            loop.reactor.post(adopt)

    def _adopt(
        self, sock: socket.socket, peer: tuple[str, int], loop: _Loop, *, refused: bool
    ) -> None:
        connection = Connection(
            self._stream(sock, loop),
            peer,
            loop.reactor,
            self,
            buffer=RequestBuffer(loop.heads, self._limits.max_header_bytes),
            renderer=loop.renderer,
        )
        if refused:
            connection.fail(
                TooManyConnections(
                    f"there are {self._limits.max_connections} connections already: "
                    "close some, or raise max_connections"
                )
            )

    def _stream(self, sock: socket.socket, loop: _Loop) -> Stream:
        if self._certificate is None:
            return PlainStream(sock)
        count = self.operations.refusals.count
        return TlsStream(sock, self._certificate, count, loop.handshakes)

    def closed(self, connection: Connection) -> None:
        """Take note that a connection has ended."""
        with self._lock:
            self._open -= 1
            for loop in self._loops:
                loop.load -= loop.reactor is connection.reactor

    # -- what the loop does not answer itself ------------------------------------------------

    def submit(self, connection: Connection, head: Head, body: Buffer) -> None:
        """Have a worker run the application and give its answer back to the connection."""
        self._pool.submit(partial(self._work, connection, head, body))

    def _work(self, connection: Connection, head: Head, body: Buffer) -> None:
        environ = make_environ(head, body, connection.peer, self._address, self._scheme)
        response = call_application(self._application, environ)
        close = not head.keep_alive
        connection_lines = CLOSE_LINES if close else self._keep_alive
        data = render_wsgi(response, connection_lines, head=head.method == "HEAD")
        connection.reactor.post(partial(connection.answered, data, close=close))

    def detach(self, connection: Connection, head: Head, unread: bytes) -> None:
        """Run a WebSocket session on a thread of its own.

        The session counts itself and answers those beyond its limit; that there is a bound on
        the threads even in a flood is seen to here.
        """
        thread = threading.Thread(
            target=self._run_session,
            args=(connection, head, unread),
            name="zoldyq-websocket",
            daemon=True,
        )
        with self._lock:
            admitted = len(self._websockets) < self._limits.max_websockets + _REFUSED_POLITELY
            if admitted:
                self._websockets.add(thread)
        try:
            if admitted:
                thread.start()
                return
        except RuntimeError:  # the system has no thread left
            _log.warning("a WebSocket session was refused: no thread can be started")
            with self._lock:
                self._websockets.discard(thread)
        self.operations.refusals.count(TooManyWebSockets.code)
        connection.stream.close()
        self.closed(connection)

    def _run_session(self, connection: Connection, head: Head, unread: bytes) -> None:
        sock = connection.stream.sock
        environ = make_environ(head, b"", connection.peer, self._address, self._scheme)
        # simple-websocket looks for the socket under the names of the servers that it knows.
        environ["werkzeug.socket"] = sock
        environ["zoldyq.unread"] = unread
        try:
            sock.setblocking(True)
            response = call_application(self._application, environ)
            if response.status:  # it was refused, in plain HTTP
                sock.sendall(render_wsgi(response, CLOSE_LINES, head=False))
        except OSError:
            _log.debug("a WebSocket client has gone", exc_info=True)
        finally:
            connection.stream.close()
            self.closed(connection)
            with self._lock:
                self._websockets.discard(threading.current_thread())


def _load_of(loop: _Loop) -> int:
    return loop.load


def _forget(heads: HeadReader, forgotten: threading.Event) -> None:
    heads.forget_routes()
    forgotten.set()
