"""WebSocket frames (RFC 6455) as bytes, without any I/O.

simple-websocket and the wsproto below it know the whole protocol but need 20 us a message. Nearly
all that clients send are whole, short, masked text frames, so these are told apart here, and
every other byte (control frames, fragments, whatever breaks the rules) is left to the library.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

GOING_AWAY = 1001
POLICY_VIOLATION = 1008
MESSAGE_TOO_BIG = 1009
INTERNAL_ERROR = 1011

_FIN = 0x80
_RESERVED = 0x70
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_OPCODES = frozenset((_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG))
_WHOLE_TEXT = _FIN | _TEXT
_WHOLE_CLOSE = _FIN | _CLOSE
_MASKED = 0x80
_MASK_BYTES = 4

# -- what the server sends -------------------------------------------------------------------------

_SHORT_HEADERS = [bytes((_WHOLE_TEXT, length)) for length in range(126)]


def text_frame(text: bytes) -> bytes:
    """Return the frame that carries a whole text message; ``text`` is UTF-8."""
    length = len(text)
    if length < 126:
        return _SHORT_HEADERS[length] + text
    if length < 1 << 16:
        return b"\x81\x7e%b%b" % (length.to_bytes(2, "big"), text)
    return b"\x81\x7f%b%b" % (length.to_bytes(8, "big"), text)


def close_frame(code: int, reason: str) -> bytes:
    """Return a close frame; ``reason`` has at most 123 bytes."""
    body = code.to_bytes(2, "big") + reason.encode()
    return bytes((_WHOLE_CLOSE, len(body))) + body


def closes(frames: bytes) -> bool:
    """Tell whether a close frame is among control frames of the server."""
    at = 0
    while at < len(frames) and frames[at] & _FIN:
        if frames[at] == _WHOLE_CLOSE:
            return True
        at += 2 + frames[at + 1]
    return False


def whole_frames(frames: Sequence[bytes], size: int) -> int:
    """Return how many of the frames lie whole within the first ``size`` bytes."""
    for count, frame in enumerate(frames):
        size -= len(frame)
        if size < 0:
            return count
    return len(frames)


# -- what the client sends -------------------------------------------------------------------------

# A multiple of the mask's length. Between pieces other threads get the interpreter.
_PIECE = 1 << 16

# The library needs 20 us for each, in which no other thread gets the interpreter.
_REST_FRAMES = 16


def unmask(data: bytes | bytearray, mask: bytes | bytearray) -> bytes:
    """Undo a client's masking: both as one big integer each, 0.3 us for a short message."""
    length = len(data)
    if length > _PIECE:
        pieces = range(0, length, _PIECE)
        return b"".join([unmask(data[at : at + _PIECE], mask) for at in pieces])
    key = (mask * (length // _MASK_BYTES + 1))[:length]
    plain = int.from_bytes(data, "little") ^ int.from_bytes(key, "little")
    return plain.to_bytes(length, "little")


class FrameSplitter:
    """Splits what a client sends into whole text messages and other bytes, in order.

    After each :meth:`feed`, take texts until there are none, then the rest until there is none.
    Each of the two gives nothing while bytes for the other come first.
    """

    def __init__(self, max_message_bytes: int) -> None:
        self._max = max_message_bytes
        self._data = bytearray()
        self._at = 0  # where in the data the next frame begins
        self._passing = 0  # bytes still to come of a frame that is not taken apart here
        self._ends_message = False  # whether that frame ends a message
        self._fragmented = False  # whether a message has begun that later frames continue
        self.oversize = False
        """Whether a frame announces more bytes than a message may have. Nothing follows then."""

    def feed(self, chunk: bytes) -> None:
        """Add bytes as they were received."""
        self._data += chunk

    def take_texts(self, limit: int) -> list[bytes]:
        """Return up to ``limit`` whole text messages, unmasked and known to be UTF-8."""
        texts: list[bytes] = []
        if not (self._passing or self._fragmented or self.oversize):
            while len(texts) < limit and (text := self._next_text()) is not None:
                texts.append(text)
        return texts

    def take_rest(self, size: int) -> bytes:
        """Return up to ``size`` bytes for the library, of one message and a few frames at most."""
        rest = bytearray()
        for _ in range(_REST_FRAMES):
            if len(rest) == size or not (self._passing or self._begin_frame()):
                break
            end = self._at + min(self._passing, size - len(rest))
            piece = self._data[self._at : end]
            rest += piece
            self._at += len(piece)
            self._passing -= len(piece)
            if self._passing or self._ends_message:
                break
        del self._data[: self._at]
        self._at = 0
        return bytes(rest)

    def _next_text(self) -> bytes | None:
        """Return the next message if its frame is whole, plain and legal."""
        data, at = self._data, self._at
        if len(data) - at < 6 or data[at] != _WHOLE_TEXT:
            return None
        length, begin = data[at + 1] - _MASKED, at + 6  # negative if it is not masked
        if length >= 126:
            length, begin = self._long_length()
        end = begin + length
        if length < 0 or end > len(data) or length > self._max:
            return None
        text = unmask(data[begin:end], data[begin - _MASK_BYTES : begin])
        if not (text.isascii() or _is_utf8(text)):
            self._passing = sys.maxsize  # the library finds the fault and ends the connection
            return None
        self._at = end
        return text

    def _long_length(self) -> tuple[int, int]:
        """Return a frame's length of 126 or more, and where its payload begins.

        The length is -1 if it has not come yet, or takes more bytes than it needs.
        """
        width, minimum = (2, 126) if self._data[self._at + 1] & 0x7F == 126 else (8, 1 << 16)
        begin = self._at + 2 + width + _MASK_BYTES
        if begin > len(self._data):
            return -1, begin
        length = int.from_bytes(self._data[self._at + 2 : begin - _MASK_BYTES], "big")
        return (length if minimum <= length < 1 << 63 else -1), begin

    def _begin_frame(self) -> bool:
        """Look at a frame that is no whole text message; tell whether the library gets it."""
        if len(self._data) - self._at < 2 or self.oversize:
            return False
        first, second = self._data[self._at], self._data[self._at + 1]
        if not self._is_legal(first, second):
            self._passing = sys.maxsize
            return True
        length, begin = second & 0x7F, self._at + 2 + _MASK_BYTES
        if length >= 126:
            length, begin = self._long_length()
            if begin > len(self._data):
                return False  # the rest of its header is still to come
        if length > self._max:
            self.oversize = True
            return False
        if first == _WHOLE_TEXT and not self._fragmented and length >= 0:
            return False  # its payload is still to come
        self._note(first)
        self._passing = begin - self._at + length if length >= 0 else sys.maxsize
        return True

    def _is_legal(self, first: int, second: int) -> bool:
        """Tell whether the first two bytes of a frame could begin a legal one."""
        opcode = first & 0x0F
        if first & _RESERVED or opcode not in _OPCODES or not second & _MASKED:
            return False
        if opcode >= _CLOSE:
            return bool(first & _FIN) and second & 0x7F < 126
        return (opcode == _CONTINUATION) == self._fragmented

    def _note(self, first: int) -> None:
        """Remember which part of a message the next frame for the library is."""
        final = bool(first & _FIN)
        is_data = first & 0x0F < _CLOSE
        self._ends_message = is_data and final
        if is_data:
            self._fragmented = not final


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
