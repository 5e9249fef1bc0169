"""A small server around WebSocketSessions, and a client that shows every byte."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from websockets.sync.client import ClientConnection, connect

from tests.helpers import wait_until
from zoldyq.queue import QueueManager
from zoldyq.server.api.access import AccessPolicy
from zoldyq.server.api.operations import Limits, Operations
from zoldyq.server.websocket.sessions import WebSocketSessions

TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A

HANDSHAKE = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


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
        self.queues.create(queue, 100_000)
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


class Frame(NamedTuple):
    """A frame as the server sent it."""

    first: int
    payload: bytes

    @property
    def document(self) -> Any:
        assert self.first == TEXT
        return json.loads(self.payload)

    @property
    def close_code(self) -> int:
        assert self.first == CLOSE, self
        return int.from_bytes(self.payload[:2], "big")


class RawClient:
    """Writes bytes as they are and reads frames one by one."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(10)
        self.head = b""
        self._data = b""

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *args: object) -> None:
        self.sock.close()

    def handshake(self, path: str, headers: dict[str, str], unread: bytes = b"") -> None:
        """Ask for a WebSocket, with ``unread`` behind the request, and read the answer's head."""
        self.request(f"GET {path} HTTP/1.1", headers, unread)

    def request(self, line: str, headers: dict[str, str], unread: bytes = b"") -> None:
        lines = [line, *(f"{name}: {value}" for name, value in headers.items())]
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode() + unread)
        self.read_head()

    def read_head(self) -> None:
        """Read the head of the answer to a request."""
        while b"\r\n\r\n" not in self._data:
            assert self._fill(), "no answer to the handshake"
        self.head, _, self._data = self._data.partition(b"\r\n\r\n")

    @property
    def status(self) -> int:
        return int(self.head[9:12])

    def body(self) -> Any:
        """Read the rest of an HTTP reply."""
        while self._fill():
            pass
        return json.loads(self._data)

    def send(self, *frames: bytes) -> None:
        self.sock.sendall(b"".join(frames))

    def receive(self) -> Frame:
        """Read the next frame."""
        first, length = self._take(2)
        if length >= 126:
            length = int.from_bytes(self._take(2 if length == 126 else 8), "big")
        return Frame(first, self._take(length))

    def receive_close(self) -> int:
        """Read up to a close frame, and to the end of the stream; return its code."""
        while (frame := self.receive()).first != CLOSE:
            pass
        code = frame.close_code
        self.expect_end()
        return code

    def expect_end(self) -> None:
        """See that the server sends nothing more."""
        assert not self._data
        assert not self._fill()

    def reset(self) -> None:
        """Vanish at once, without a good-bye."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _take(self, size: int) -> bytes:
        while len(self._data) < size:
            assert self._fill(), "the server has closed"
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def _fill(self) -> bool:
        chunk = self.sock.recv(65536)
        self._data += chunk
        return bool(chunk)


def client_frame(payload: bytes, first: int = TEXT, mask: bytes | None = None) -> bytes:
    """Return a masked frame as a client sends it."""
    mask = os.urandom(4) if mask is None else mask
    length = len(payload)
    if length < 126:
        size = bytes((0x80 | length,))
    elif length < 1 << 16:
        size = b"\xfe" + length.to_bytes(2, "big")
    else:
        size = b"\xff" + length.to_bytes(8, "big")
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes((first,)) + size + mask + masked


def close_payload(code: int, reason: bytes = b"") -> bytes:
    """Return what a close frame carries."""
    return code.to_bytes(2, "big") + reason


@contextmanager
def running(**options: Any) -> Iterator[WebSocketServer]:
    """Run a server for the time of a ``with`` block."""
    server = WebSocketServer(**options)
    try:
        yield server
    finally:
        server.stop()
