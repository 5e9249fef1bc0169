"""Bodies in chunks (RFC 9112, section 7.1)."""

from __future__ import annotations

from httptools import HttpParserError, HttpRequestParser

from zoldyq.contract.errors import MalformedRequest

#: How many bytes a chunked body may take on the wire for each byte of data: a chunk of a single
#: byte takes six. The rest is extensions and trailers, which mean nothing here.
_CHUNKED_OVERHEAD = 8


class ChunkedBody:
    """A body in chunks.

    Its parser is not the one of the head: that one takes a request to become another protocol
    for one without a body, and ours is to answer such a request as if it did not ask.
    """

    def __init__(self) -> None:
        self._data = _Data()
        self._parser = HttpRequestParser(self._data)
        self._parser.feed_data(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        self._wire_bytes = 0

    @property
    def body(self) -> bytearray:
        """The data so far."""
        return self._data.body

    @property
    def complete(self) -> bool:
        """Whether the last chunk and the trailers have come."""
        return self._data.complete

    def take(self, data: bytes, start: int) -> int:
        """Decode from ``start`` on and return where it stopped, which is behind the body's end.

        The parser does not say where a message ends, so it gets the data line by line: a body
        can only end with a line. A carriage return at the end waits for its line feed.
        """
        while not self.complete:
            stop = data.find(b"\r\n", start) + 2
            if stop < 2:
                stop = len(data) - data.endswith(b"\r")
            if stop <= start:
                break
            self._feed(data[start:stop])
            start = stop
        return start

    def _feed(self, piece: bytes) -> None:
        try:
            self._parser.feed_data(piece)
        except HttpParserError as error:
            raise MalformedRequest(f"the chunked body is malformed: {error}") from None
        self._wire_bytes += len(piece)
        if self._wire_bytes > _CHUNKED_OVERHEAD * len(self.body) + (1 << 14):
            raise MalformedRequest("the chunked body is mostly extensions or trailers")


class _Data:
    """Collects what llhttp finds in a body."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.complete = False

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True
