"""A server that says exactly what a test wants it to say."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from types import TracebackType

HANG_UP = b""


def reply(status: int, body: bytes = b"{}", *headers: str) -> bytes:
    """The bytes of an HTTP reply."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class ScriptedServer:
    """Answers one request after the other with the given bytes; HANG_UP closes the connection.

    Once all are used up, connections are refused.

    With ``late``, connections are refused until :meth:`open`. With ``tls``, it speaks that;
    ``peer_certificates`` are then what its clients showed.
    """

    def __init__(
        self, *replies: bytes, late: bool = False, tls: ssl.SSLContext | None = None
    ) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.peer_certificates: list[object] = []
        self._tls = tls
        self._replies = list(replies)
        self._connection: socket.socket | None = None  # the last one
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._address = self._listener.getsockname()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        if not late:
            self.open()

    @property
    def url(self) -> str:
        """Where it is."""
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._address[1]}"

    def open(self) -> None:
        """Accept connections from now on."""
        self._listener.listen()
        self._thread.start()

    def _serve(self) -> None:
        while self._replies:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # the test is over
            self.connections += 1
            self._connection = connection
            with connection:
                self._serve_one(connection)
        self._listener.close()

    def _serve_one(self, connection: socket.socket) -> None:
        if self._tls is None:
            self._answer(connection)
            return
        try:
            with self._tls.wrap_socket(connection, server_side=True) as secured:
                self.peer_certificates.append(secured.getpeercert())
                self._answer(secured)
        except OSError:
            pass  # the client does not trust this server, or shows no certificate

    def _answer(self, connection: socket.socket) -> None:
        while self._replies and (request := _read_request(connection)):
            self.requests.append(request)
            answer = self._replies.pop(0)
            if answer == HANG_UP:
                return
            connection.sendall(answer)

    def __enter__(self) -> ScriptedServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._replies.clear()
        with suppress(OSError):  # it has ended
            if self._connection is not None:
                self._connection.shutdown(socket.SHUT_RDWR)
        with socket.socket() as waker:
            waker.connect_ex(self._address)
        self._listener.close()
        if self._thread.ident is not None:
            self._thread.join(10)
            assert not self._thread.is_alive()


def _read_request(connection: socket.socket) -> bytes:
    """Return a whole request, empty at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
