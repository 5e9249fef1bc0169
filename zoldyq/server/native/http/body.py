"""Bodies in chunks (RFC 9112, section 7.1)."""

from __future__ import annotations

import re

from zoldyq.contract.errors import MalformedRequest
from zoldyq.server.native.http.head import TOKEN, split_header

#: How many bytes a chunked body may take on the wire for each byte of data: a chunk of a single
#: byte takes six. The rest is extensions and trailers, which mean nothing here.
_CHUNKED_OVERHEAD = 8
_GRANTED_OVERHEAD = 1 << 14
#: The longest line of a size or a trailer, in bytes.
_LINE_BYTES = 4096
#: Chunks that are decoded at a time, so that one client with tiny ones does not hold up the others.
_CHUNKS_AT_A_TIME = 1000

# A size and its extensions, which are tokens or quoted strings. 15 digits are more than any body.
_SIZE_LINE = re.compile(
    rb'([0-9A-Fa-f]{1,15})(?:;[%b]+(?:=(?:[%b]+|"[\t\x20\x21\x23-\x5b\x5d-\x7e]*"))?)*'
    % (TOKEN, TOKEN)
).fullmatch


class ChunkedBody:
    """Decodes a body in chunks, a limited number of them at a time."""

    __slots__ = ("_after_data", "_in_trailers", "_missing", "_wire_bytes", "body", "complete")

    def __init__(self) -> None:
        #: The data so far.
        self.body = bytearray()
        #: Whether the last chunk and the trailers have come.
        self.complete = False
        self._missing = 0  # bytes of the chunk that is being read
        self._after_data = False  # whether the line end behind a chunk's data comes next
        self._in_trailers = False
        self._wire_bytes = 0

    def take(self, data: bytes, start: int) -> tuple[int, bool]:
        """Decode from ``start`` on; return where it stopped, and whether it has to be called again.

        Once the body is complete it stopped behind its end.

        Raises:
            MalformedRequest: the bytes are no chunks, or mostly extensions or trailers.
        """
        begin = start
        for _ in range(_CHUNKS_AT_A_TIME):
            stop = self._take_chunk(data, start)
            if stop == start or self.complete:
                break
            start = stop
        else:
            stop = start
            self._count(stop - begin)
            return stop, True
        self._count(stop - begin)
        return stop, False

    def _take_chunk(self, data: bytes, start: int) -> int:
        """Decode what is there of one chunk; return where it stopped, ``start`` if nothing was."""
        if self._missing:
            piece = data[start : start + self._missing]
            self.body += piece
            self._missing -= len(piece)
            self._after_data = not self._missing
            start += len(piece)
        if self._after_data:
            if not b"\r\n".startswith(data[start : start + 2]):
                raise MalformedRequest("a chunk is longer than its size")
            if len(data) < start + 2:
                return start
            self._after_data = False
            start += 2
        return start if self._missing else self._take_line(data, start)

    def _take_line(self, data: bytes, start: int) -> int:
        """Read a chunk's size, or a trailer."""
        end = data.find(b"\r\n", start)
        if end < 0:
            if len(data) - start > _LINE_BYTES:
                raise MalformedRequest("a line of the chunked body is too long")
            return start
        line = data[start:end]
        if self._in_trailers:
            if line:
                split_header(line)
            else:
                self.complete = True
            return end + 2
        found = _SIZE_LINE(line)
        if found is None:
            raise MalformedRequest("the size of a chunk is malformed")
        self._missing = int(found[1], 16)
        self._in_trailers = not self._missing
        return end + 2

    def _count(self, wire_bytes: int) -> None:
        self._wire_bytes += wire_bytes
        if self._wire_bytes > _CHUNKED_OVERHEAD * len(self.body) + _GRANTED_OVERHEAD:
            raise MalformedRequest("the chunked body is mostly extensions or trailers")
