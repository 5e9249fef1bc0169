"""Cuts the bytes of a connection into requests, without any I/O.

This module finds where heads and bodies begin and end; :mod:`.head` says what a head means.
"""

from __future__ import annotations

from zoldyq.contract.errors import HeadersTooLarge, MalformedRequest
from zoldyq.server.native.http.body import ChunkedBody
from zoldyq.server.native.http.head import Head, HeadCache

_END = b"\r\n\r\n"
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
        "_heads",
        "_max_head",
        "_scanned",
        "_start",
        "pending",
    )

    def __init__(self, heads: HeadCache, max_header_bytes: int) -> None:
        self._heads = heads
        self._max_head = max_header_bytes
        self._data = b""
        self._start = 0  # where in _data the next request, or the rest of a chunked body, begins
        self._scanned = 0  # before this no head ends
        #: The head whose body is incomplete, if any.
        self.pending: Head | None = None
        self._body: bytearray | None = None
        self._filled = 0
        self._chunks: ChunkedBody | None = None

    @property
    def idle(self) -> bool:
        """Whether no byte of a further request has come."""
        return self.pending is None and self._start == len(self._data)

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
        """Return the request that ``data`` is, to the byte, if its head is known.

        None where the stream is in the midst of something, or the data is anything else: then
        it has to be fed. This is what clients send nearly always, and takes a third of the time.
        """
        if self._start != len(self._data) or self.pending is not None:
            return None
        end = data.find(_END) + 4
        head = self._heads.get(data[:end])
        if head is None or end + head.content_length != len(data):
            return None
        return head, data[end:]

    def feed(self, data: bytes) -> None:
        """Take bytes that came from the client."""
        while data and (space := self.body_space()):
            taken = min(len(space), len(data))
            space[:taken] = data[:taken]
            space.release()
            self._filled += taken
            data = data[taken:]
        if self._start == len(self._data):
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
            MalformedRequest, HeadersTooLarge, UnsupportedExpectation: answer, then close.
        """
        if self.pending is not None:
            return self._continue(self.pending)
        data = self._data
        start = self._start
        if start == len(data):
            return None
        end = data.find(_END, self._scanned or start)
        if end < 0:
            self._check_partial_head()
            return None
        end += 4
        head = self._heads.get(data[start:end])
        if head is None:
            return self._after_new_head(start, end)
        self._scanned = 0
        stop = end + head.content_length
        if stop <= len(data):
            self._start = stop
            return head, data[end:stop]
        self._expect_body(head, end)
        return None

    def body_space(self) -> memoryview:
        """Return where missing bytes of the body may be received to, past :meth:`feed`.

        Empty where bytes have to be fed. Tell :meth:`filled` how many came.
        """
        if self._body is None or self.pending is None:
            return memoryview(b"")
        if self._filled == len(self._body):
            missing = self.pending.content_length - self._filled
            self._body.extend(bytes(min(self._filled, missing)))
        return memoryview(self._body)[self._filled :]

    def filled(self, count: int) -> None:
        """Take note of ``count`` bytes that were put into :meth:`body_space`."""
        self._filled += count

    def _check_partial_head(self) -> None:
        """Refuse what can never become a head, or is one too large; remember what was searched."""
        length = len(self._data) - self._start
        if length > self._max_head:
            raise self._too_large()
        if length and not (self._data[self._start : self._start + 1].isupper() or self._blank()):
            raise MalformedRequest("this is no HTTP request")
        if self._data.find(b"\n\n", self._start) >= 0:
            raise MalformedRequest("lines of a request end with CR LF")
        self._scanned = max(len(self._data) - 3, self._start)

    def _blank(self) -> bool:
        return self._data.startswith((b"\r\n", b"\r"), self._start)

    def _too_large(self) -> HeadersTooLarge:
        return HeadersTooLarge(
            f"the request head is larger than {self._max_head} bytes: "
            "send fewer or shorter headers",
            max_header_bytes=self._max_head,
        )

    def _after_new_head(self, start: int, end: int) -> tuple[Head, bytes | bytearray] | None:
        """Go on with a head that was not seen before, in _data from start to end."""
        self._scanned = 0
        if self._blank():
            # RFC 9112, section 2.2: empty lines before a request are to be ignored.
            self._data = self._data[start:].lstrip(b"\r\n")
            self._start = 0
            return self.next_request()
        if end - start > self._max_head:
            raise self._too_large()
        head, chunks = self._heads.parse(self._data[start:end])
        if chunks is not None:
            self._start = end
            self.pending = head
            self._chunks = chunks
            return self._continue(head)
        stop = end + head.content_length
        if stop <= len(self._data):
            self._start = stop
            return head, self._data[end:stop]
        self._expect_body(head, end)
        return None

    def _expect_body(self, head: Head, begin: int) -> None:
        """Keep the first part of a body, which begins in _data at ``begin``."""
        first = self._data[begin:]
        self.pending = head
        self._body = bytearray(min(head.content_length, max(_FIRST_BODY_BYTES, len(first))))
        self._body[: len(first)] = first
        self._filled = len(first)
        self._data, self._start = b"", 0

    def _continue(self, head: Head) -> tuple[Head, bytes | bytearray] | None:
        """Return the pending request if its body is complete now."""
        if self._chunks is not None:
            self._start = self._chunks.take(self._data, self._start)
            if not self._chunks.complete:
                return None
            body = self._chunks.body
        elif self._body is not None and self._filled == head.content_length:
            body = self._body
        else:
            return None
        self.pending = self._body = self._chunks = None
        self._filled = 0
        return head, body
