"""HTTP on a bare socket: hardly any work of its own beside the server's."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterable
from types import TracebackType

from benchmarks.figures import WorkNotDone
from benchmarks.servers.process import HOST

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: *(\d+)\r\n")


def request_bytes(method: str, path: str, body: bytes = b"") -> bytes:
    """Return a request as it goes over the wire."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{length}\r\n".encode() + body


class RawConnection:
    """One keep-alive connection, over TLS if there is a ``context``."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.sock = socket.create_connection((HOST, port), timeout=60)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            self.sock = context.wrap_socket(self.sock, server_hostname=HOST)
        self._buffer = b""

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.sock.close()

    def ask(self, request: bytes) -> bytes:
        """Send a request and return the body of the answer.

        Raises:
            WorkNotDone: the status is not 200.
        """
        self.sock.sendall(request)
        return self.answer()

    def answer(self) -> bytes:
        """Return the body of the next answer; raises WorkNotDone as :meth:`ask`."""
        while (end := self._buffer.find(_HEAD_END)) < 0:
            self._receive()
        head, rest = self._buffer[: end + 2], self._buffer[end + 4 :]
        if not head.startswith(b"HTTP/1.1 200 "):
            raise WorkNotDone(f"the answer was {head.splitlines()[0]!r} {rest[:200]!r}")
        found = _LENGTH.search(head)
        if found is None:
            raise WorkNotDone("an answer did not tell its length")
        self._buffer = rest
        length = int(found[1])
        while len(self._buffer) < length:
            self._receive()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return body

    def pipeline(self, requests: Iterable[bytes]) -> None:
        """Send all requests at once, then read all answers."""
        waiting = list(requests)
        self.sock.sendall(b"".join(waiting))
        for _ in waiting:
            self.answer()

    def _receive(self) -> None:
        data = self.sock.recv(1 << 18)
        if not data:
            raise WorkNotDone("the server closed the connection")
        self._buffer += data
