"""The server's end of one WebSocket connection, byte by byte."""

from __future__ import annotations

import base64
import hashlib
import socket
from types import TracebackType

from tests.websocket.frames import Frame, split_frame

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Peer:
    """Listens on a free port and speaks to one client at a time."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(10)
        self._connection: socket.socket | None = None
        self._data = b""  # received, and no whole frame yet

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def accept(self, *first_frames: bytes) -> bytes:
        """Answer a handshake, and return it; the frames leave together with the answer."""
        request = self.read_request()
        accept = base64.b64encode(
            hashlib.sha1(_header(request, b"sec-websocket-key") + _GUID).digest()
        )
        answer = (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self.send(answer, *first_frames)
        return request

    def read_request(self) -> bytes:
        """Wait for a connection and return the head of its request."""
        self.hang_up()
        self._connection, _ = self._listener.accept()
        self._data = b""
        self._connection.settimeout(10)
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._connection.recv(65536)
        return head

    def send(self, *data: bytes) -> None:
        """Send bytes at once."""
        assert self._connection is not None
        self._connection.sendall(b"".join(data))

    def receive(self) -> Frame:
        """Return the client's next frame; raises EOFError at the end."""
        assert self._connection is not None
        while (found := split_frame(self._data)) is None:
            chunk = self._connection.recv(65536)
            if not chunk:
                raise EOFError
            self._data += chunk
        frame, self._data = found
        return frame

    def hang_up(self) -> None:
        """Close the connection without a word."""
        if self._connection is not None:
            self._connection.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.hang_up()
        self._listener.close()


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n"):
        found, _, value = line.partition(b":")
        if found.lower() == name:
            return value.strip()
    raise AssertionError(f"no header {name!r}")
