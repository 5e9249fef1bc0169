"""A WebSocket client that shows every byte."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

from tests.websocket.frames import CLOSE, Frame, split_frame


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
        while (found := split_frame(self._data)) is None:
            assert self._fill(), "the server has closed"
        frame, self._data = found
        return frame

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

    def _fill(self) -> bool:
        chunk = self.sock.recv(65536)
        self._data += chunk
        return bool(chunk)
