"""A small server around WebSocketSessions."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.helpers import wait_until
from tests.websocket.client import RawClient
from tests.websocket.frames import HANDSHAKE
from zoldyq.queue import QueueManager
from zoldyq.server.api.access import AccessPolicy
from zoldyq.server.api.operations import Limits, Operations
from zoldyq.server.websocket.sessions import WebSocketSessions


class WebSocketServer:
    """Parses one request head a connection and hands it to the sessions."""

    def __init__(
        self,
        *,
        manager: QueueManager | None = None,
        tokens: Sequence[str] = (),
        max_sessions: int = 50,
        max_message_bytes: int = 1 << 20,
        ping_seconds: float = 20.0,
        send_seconds: float = 10.0,
        send_buffer: int | None = None,
        **limits: int,
    ) -> None:
        self.queues = manager or QueueManager()
        self.operations = Operations(self.queues, Limits(**limits))
        self.sessions = WebSocketSessions(
            self.operations,
            AccessPolicy(tokens),
            max_sessions=max_sessions,
            max_message_bytes=max_message_bytes,
            ping_seconds=ping_seconds,
            send_seconds=send_seconds,
        )
        self._send_buffer = send_buffer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self.threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def url(self, path: str) -> str:
        return f"ws://127.0.0.1:{self.address[1]}{path}"

    def connect(self, path: str, **options: Any) -> ClientConnection:
        """Connect a real client."""
        client: ClientConnection = connect(self.url(path), **options)
        return client

    def raw(self, path: str, unread: bytes = b"", receive_buffer: int = 0) -> RawClient:
        """Connect a client that shows every byte, and do the handshake."""
        client = self.open(receive_buffer)
        client.handshake(path, HANDSHAKE, unread)
        return client

    def open(self, receive_buffer: int = 0) -> RawClient:
        """Connect, and send nothing yet."""
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.connect(self.address)
        return RawClient(sock)

    def waiting(self, queue: str, count: int = 1) -> None:
        """Wait until so many consumers stand in the queue's line."""
        self.queues.create(queue, capacity=100_000)
        wait_until(lambda: self.queues.stats(queue).waiting_consumers == count)

    def stop(self) -> None:
        """Stop, and see that no thread is left."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(5)
        self.sessions.close_all(2.0)
        for thread in self.threads:
            thread.join(5)
            assert not thread.is_alive(), "a session has not ended"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            if self._send_buffer is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._send_buffer)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            environ = read_request(sock)
            if environ is None:
                return
            environ["werkzeug.socket"] = sock
            head: list[bytes] = []

            def start_response(status: str, headers: list[tuple[str, str]]) -> None:
                lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
                head.append("\r\n".join([*lines, "", ""]).encode())

            body = self.sessions.serve(environ, start_response)  # type: ignore[arg-type]
            if head:
                sock.sendall(head[0] + b"".join(body))


def read_request(sock: socket.socket) -> dict[str, Any] | None:
    """Read one request head into a WSGI environment, with what came after it."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = sock.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, unread = data.partition(b"\r\n\r\n")
    request, *lines = head.decode().split("\r\n")
    method, target, protocol = request.split(" ")
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": protocol,
        "zoldyq.unread": unread,
    }
    for line in lines:
        name, _, value = line.partition(": ")
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ


@contextmanager
def running(**options: Any) -> Iterator[WebSocketServer]:
    """Run a server for the time of a ``with`` block."""
    server = WebSocketServer(**options)
    try:
        yield server
    finally:
        server.stop()
