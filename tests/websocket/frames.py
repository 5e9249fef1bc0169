"""WebSocket frames and handshakes as the two ends write them, for all tests.

This is written apart from ``zoldyq.server.websocket.frames``, so that one can judge the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

#: First bytes of whole frames, as both ends send them.
TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
#: First bytes of the frames of a message in fragments: those that begin it, go on, and end it.
BEGIN, BEGIN_BINARY, MORE, END = 0x01, 0x02, 0x00, 0x80

#: The headers of a handshake as a client sends it.
HANDSHAKE = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


class Frame(NamedTuple):
    """A frame: its first byte, and its payload without a mask."""

    first: int
    payload: bytes

    @property
    def document(self) -> Any:
        """The JSON of a text frame."""
        assert self.first == TEXT, self
        return json.loads(self.payload)

    @property
    def close_code(self) -> int:
        """The code of a close frame."""
        assert self.first == CLOSE, self
        return int.from_bytes(self.payload[:2], "big")


def server_frame(payload: bytes, first: int = TEXT) -> bytes:
    """Return a frame as servers send it."""
    return bytes((first, *_length(len(payload)))) + payload


def client_frame(payload: bytes, first: int = TEXT, mask: bytes | None = None) -> bytes:
    """Return a frame as clients send it: masked."""
    # Not by chance: a test that has the frame in its name has the same name in each run.
    mask = blake2b(payload, digest_size=4).digest() if mask is None else mask
    size, *extended = _length(len(payload))
    return bytes((first, 0x80 | size, *extended)) + mask + _masked(payload, mask)


def close_payload(code: int, reason: bytes = b"") -> bytes:
    """Return what a close frame carries."""
    return code.to_bytes(2, "big") + reason


def split_frame(data: bytes) -> tuple[Frame, bytes] | None:
    """Return the first frame, from either end, and the bytes behind it; None if it is not whole."""
    if len(data) < 2:
        return None
    masked, length, at = data[1] & 0x80, data[1] & 0x7F, 2
    if length >= 126:
        at = 4 if length == 126 else 10
        length = int.from_bytes(data[2:at], "big")
    mask = data[at : at + 4] if masked else b""
    at += len(mask)
    if len(data) < at + length:
        return None
    payload = data[at : at + length]
    return Frame(data[0], _masked(payload, mask) if masked else payload), data[at + length :]


def split_frames(data: bytes) -> Iterator[Frame]:
    """Yield all whole frames."""
    while (found := split_frame(data)) is not None:
        frame, data = found
        yield frame


def _length(length: int) -> bytes:
    if length < 126:
        return bytes((length,))
    if length < 1 << 16:
        return b"\x7e" + length.to_bytes(2, "big")
    return b"\x7f" + length.to_bytes(8, "big")


def _masked(payload: bytes, mask: bytes) -> bytes:
    return bytes([byte ^ mask[at % 4] for at, byte in enumerate(payload)])
