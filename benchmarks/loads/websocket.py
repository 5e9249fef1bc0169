"""WebSocket on a bare socket, so that the server is what is measured.

Messages are counted by a word that each of them contains once: taking frames apart one by one
would make this side the slower one.
"""

from __future__ import annotations

import os
import socket
import struct
import threading

from benchmarks.figures import WorkNotDone
from benchmarks.servers.process import HOST

_RECEIVE_BYTES = 1 << 20
_HEAD_END = b"\r\n\r\n"


class WebSocketConnection:
    """A client's session. Close it with :meth:`close`."""

    def __init__(self, port: int, path: str) -> None:
        self.sock = socket.create_connection((HOST, port), timeout=60)
        self.sock.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        head = b""
        while _HEAD_END not in head:
            # Byte by byte, so that nothing of the first frame is taken along.
            byte = self.sock.recv(1)
            if not byte:
                raise WorkNotDone(f"the handshake was answered {head[:200]!r}")
            head += byte
        if b" 101 " not in head:
            raise WorkNotDone(f"the handshake was answered {head[:200]!r}")

    def count(self, word: bytes, wanted: int) -> None:
        """Receive until ``word`` has come so often.

        Raises:
            WorkNotDone: the server closed the connection before.
        """
        buffer = bytearray(_RECEIVE_BYTES)
        counter = WordCounter(word)
        while counter.seen < wanted:
            received = self.sock.recv_into(buffer)
            if not received:
                raise WorkNotDone(f"closed after {counter.seen:,} of {wanted:,} messages")
            counter.feed(buffer, received)

    def send_while_counting(self, data: bytes, times: int, word: bytes, wanted: int) -> None:
        """Send ``data`` so many times, while the answers are counted as by :meth:`count`."""
        sender = threading.Thread(target=self._send, args=(data, times), daemon=True)
        sender.start()
        self.count(word, wanted)
        sender.join()

    def close(self) -> None:
        """Hang up."""
        self.sock.close()

    def _send(self, data: bytes, times: int) -> None:
        for _ in range(times):
            self.sock.sendall(data)


class WordCounter:
    """Counts a word in a stream that comes in pieces."""

    def __init__(self, word: bytes) -> None:
        self.seen = 0
        self._word = word
        self._overlap = len(word) - 1
        self._tail = b""

    def feed(self, buffer: bytearray, size: int) -> None:
        """Take the next ``size`` bytes, which are the first of ``buffer``."""
        self.seen += buffer.count(self._word, 0, size)
        # A word may lie across two pieces: the end of the one is put before the next.
        self.seen += (self._tail + buffer[: min(size, self._overlap)]).count(self._word)
        end = bytes(buffer[max(size - self._overlap, 0) : size])
        self._tail = (self._tail + end)[-self._overlap :]


def text_frame(text: bytes) -> bytes:
    """Return a client's frame, masked as the standard demands."""
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[position % 4] for position, byte in enumerate(text))
    if len(text) < 126:
        head = struct.pack("!BB", 0x81, 0x80 | len(text))
    elif len(text) < 1 << 16:
        head = struct.pack("!BBH", 0x81, 0x80 | 126, len(text))
    else:
        head = struct.pack("!BBQ", 0x81, 0x80 | 127, len(text))
    return head + mask + masked
