"""Cuts the bytes of a connection into requests, without any I/O.

This module finds where heads and bodies begin and end; :mod:`.head` says what a head means.
"""

from __future__ import annotations

import re

from zoldyq.contract.errors import HeadersTooLarge, MalformedRequest, ZoldyQError
from zoldyq.server.native.http.body import ChunkedBody
from zoldyq.server.native.http.head import TOKEN, Head
from zoldyq.server.native.http.head_reader import UNKNOWN, HeadReader

_END = b"\r\n\r\n"
_BLANK = b"\r\n"
_TLS_HANDSHAKE = 0x16  # RFC 8446, section 5.1, ContentType
_begins_with_method = re.compile(rb"[%b]{1,32}(?: |\Z)" % TOKEN).match
#: A body's buffer starts with this and doubles, so that a client that only announces a large
#: body costs nothing.
_FIRST_BODY_BYTES = 1 << 16


class RequestBuffer:
    """Cuts one connection's stream into requests.

    ``feed`` bytes, then take requests with ``next_request`` until it returns None. An error is
    the last word on the connection: what follows in the stream cannot be trusted.
    """

    __slots__ = (
        "_body",
        "_chunks",
        "_data",
        "_filled",
        "_get_known",
        "_heads",
        "_last",
        "_length",
        "_max_head",
        "_repeats",
        "_scanned",
        "_start",
        "pending",
        "unfinished",
    )

    def __init__(self, heads: HeadReader, max_header_bytes: int) -> None:
        self._heads = heads
        self._get_known = heads.heads.get_young
        self._last = UNKNOWN  # the last head that was found by its bytes
        self._repeats = True  # whether the last head is one that is known by its bytes
        self._max_head = max_header_bytes
        self._data = b""  # what belongs to no request yet, behind _start; empty if that is nothing
        self._start = 0  # where in _data the next request, or the rest of a chunked body, begins
        self._scanned = 0  # before this no head ends
        #: The head whose body is incomplete, if any.
        self.pending: Head | None = None
        self._length = 0  # of its body
        self._body: bytearray | None = None
        self._filled = 0
        self._chunks: ChunkedBody | None = None
        #: Whether more of the pending body can be decoded without further bytes.
        self.unfinished = False

    @property
    def idle(self) -> bool:
        """Whether no byte of a further request has come."""
        return self.pending is None and not self._data

    @property
    def body_bytes(self) -> int:
        """How many bytes of the pending body have come."""
        return self._filled if self._chunks is None else len(self._chunks.body)

    @property
    def answers_head(self) -> bool:
        """Whether the request that is being read is a HEAD, whose answer has no content."""
        if self.pending is not None:
            return self.pending.method == "HEAD"
        return self._data.startswith(b"HEAD ", self._start)

    def whole_request(self, data: bytes) -> tuple[Head, bytes] | None:
        """Return the request that ``data`` is, to the byte.

        None where the stream is in the midst of something, or the data is anything else: then
        it has to be fed. This is what clients send nearly always, and takes a third of the time.
        """
        if self._data or self.pending is not None:
            return None
        size = len(data)
        known = self._last
        if size == known.total and data.startswith(known.raw):
            if known.epoch is self._heads.epoch:
                return known.head, data[known.size :]
            self._last = UNKNOWN
        end = data.find(_END) + 4
        if self._repeats:
            found = self._get_known(data[:end])
            if found is not None:
                self._last = found
                return (found.head, data[end:]) if size == found.total else None
        if not 4 <= end <= self._max_head:
            return None
        try:
            head, length, found = self._heads.read(data[:end])
        except ZoldyQError:
            return None  # it is fed, and refused then
        self._repeats = found is not None
        return (head, data[end:]) if size == end + length and not head.chunked else None

    def feed(self, data: bytes) -> None:
        """Take bytes that came from the client."""
        while data and (space := self.body_space()):
            taken = min(len(space), len(data))
            space[:taken] = data[:taken]
            space.release()
            self._filled += taken
            data = data[taken:]
        if not self._data:
            if self.pending is None and data.startswith((b"\r", b"\n")):
                # RFC 9112, section 2.2: empty lines before a request are no request.
                data = data.lstrip(_BLANK)
            self._data = data
            self._scanned = 0
        else:
            self._scanned = max(self._scanned - self._start, 0)
            self._data = self._data[self._start :] + data
        self._start = 0

    def unread(self) -> bytes:
        """Give away the bytes that belong to no request: another protocol goes on with them."""
        rest = self._data[self._start :]
        self._data, self._start, self._scanned = b"", 0, 0
        return rest

    def next_request(self) -> tuple[Head, bytes | bytearray] | None:
        """Return the next request's head and whole body, or None if more bytes are needed.

        Raises:
            MalformedRequest, HeadersTooLarge, UnsupportedTransferEncoding,
            UnsupportedExpectation: answer, then close.
        """
        if self.pending is not None:
            return self._continue(self.pending)
        data = self._data
        start = self._start
        known = self._last  # requests that come together mostly have the same head
        if known.epoch is self._heads.epoch and data.startswith(known.raw, start):
            head, length, end = known.head, known.length, start + known.size
        else:
            if data.startswith((b"\r", b"\n"), start):
                self._data = data = data[start:].lstrip(_BLANK)
                self._start = self._scanned = start = 0
            end = data.find(_END, self._scanned or start) + 4
            if end < 4:
                self._check_partial_head()
                return None
            head, length = self._read_head(data[start:end])
        self._scanned = 0
        if head.chunked:
            self._start = end
            self.pending = head
            self._chunks = ChunkedBody()
            return self._continue(head)
        stop = end + length
        if stop <= len(data):
            if stop == len(data):
                self._data, stop = b"", 0
            self._start = stop
            return head, data[end : end + length]
        self._expect_body(head, length, end)
        return None

    def _read_head(self, raw: bytes) -> tuple[Head, int]:
        """Return what a whole head means, and the length of the body that it announces."""
        known = self._get_known(raw) if self._repeats else None
        if known is not None:
            self._last = known
            return known.head, known.length
        if len(raw) > self._max_head:
            raise self._too_large()
        head, length, known = self._heads.read(raw)
        self._repeats = known is not None
        return head, length

    def body_space(self) -> memoryview:
        """Return where missing bytes of the body may be received to, past :meth:`feed`.

        Empty where bytes have to be fed. Tell :meth:`filled` how many came.
        """
        if self._body is None or self.pending is None:
            return memoryview(b"")
        if self._filled == len(self._body):
            missing = self._length - self._filled
            self._body.extend(bytes(min(self._filled, missing)))
        return memoryview(self._body)[self._filled :]

    def filled(self, count: int) -> None:
        """Take note of ``count`` bytes that were put into :meth:`body_space`."""
        self._filled += count

    def _check_partial_head(self) -> None:
        """Refuse what can never become a head, or is one too large; remember what was searched."""
        if not self._data:
            return
        if len(self._data) - self._start > self._max_head:
            raise self._too_large()
        if _begins_with_method(self._data, self._start) is None:
            raise MalformedRequest(
                "this is TLS, and this port speaks plain HTTP: write http:// in the address"
                if self._data[self._start] == _TLS_HANDSHAKE
                else "this is no HTTP request"
            )
        if self._data.find(b"\n\n", self._start) >= 0:
            raise MalformedRequest("lines of a request end with CR LF")
        self._scanned = max(len(self._data) - 3, self._start)

    def _too_large(self) -> HeadersTooLarge:
        return HeadersTooLarge(
            f"the request head is larger than {self._max_head} bytes: "
            "send fewer or shorter headers",
            max_header_bytes=self._max_head,
        )

    def _expect_body(self, head: Head, length: int, begin: int) -> None:
        """Keep the first part of a body, which begins in _data at ``begin``."""
        first = self._data[begin:]
        self.pending = head
        self._length = length
        self._body = bytearray(min(length, max(_FIRST_BODY_BYTES, len(first))))
        self._body[: len(first)] = first
        self._filled = len(first)
        self._data, self._start = b"", 0

    def _continue(self, head: Head) -> tuple[Head, bytes | bytearray] | None:
        """Return the pending request if its body is complete now."""
        if self._chunks is not None:
            self._start, self.unfinished = self._chunks.take(self._data, self._start)
            if self._start == len(self._data):
                self._data, self._start = b"", 0
            if not self._chunks.complete:
                return None
            body = self._chunks.body
        elif self._body is not None and self._filled == self._length:
            body = self._body
        else:
            return None
        self.pending = self._body = self._chunks = None
        self._filled = 0
        return head, body
