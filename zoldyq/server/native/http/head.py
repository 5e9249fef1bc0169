"""What the head of a request means.

llhttp (through httptools) decides that, and is strict about everything that request smuggling
lives on. A client repeats its heads to the letter, so each head is parsed once and from then on
found by its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from zoldyq.contract.errors import MalformedRequest, UnsupportedExpectation
from zoldyq.server.native.http.body import ChunkedBody
from zoldyq.wire import members_of

_METHOD = re.compile(rb"[A-Z][A-Z-]{0,31}")
_CACHED_HEADS = 1024
_CACHED_HEAD_BYTES = 1024


class Head:
    """The head of a request, as it was understood.

    ``path`` is percent-decoded (one character a byte, as WSGI has it), ``query`` is raw,
    ``headers`` have lower-case names. ``route`` is worked out once for all requests with this
    head.
    """

    __slots__ = (
        "chunked",
        "content_length",
        "expects_continue",
        "headers",
        "keep_alive",
        "method",
        "path",
        "query",
        "route",
        "upgrade",
        "version",
    )

    def __init__(self, method: str, target: bytes, version: str) -> None:
        self.method = method
        self.path, self.query = _split_target(target)
        self.version = version
        self.headers: list[tuple[str, str]] = []
        self.keep_alive = False
        self.content_length = 0
        self.chunked = False
        self.expects_continue = False
        self.upgrade = False
        self.route: Any = None

    def header(self, name: str) -> str | None:
        """Return a header by its lower-case name, several joined by commas."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None


class HeadCache:
    """Heads by their bytes, for one thread.

    ``prepare`` is called once for each head that was parsed, to fill in its route.
    """

    def __init__(self, prepare: Callable[[Head], None]) -> None:
        self._prepare = prepare
        self._heads: dict[bytes, Head] = {}
        self.get = self._heads.get

    def parse(self, raw: bytes) -> tuple[Head, ChunkedBody | None]:
        """Parse a head and remember it, unless it opens a chunked body or another protocol."""
        head, body = parse_head(raw)
        self._prepare(head)
        if len(raw) <= _CACHED_HEAD_BYTES and not (head.chunked or head.upgrade):
            if len(self._heads) >= _CACHED_HEADS:
                self._heads.clear()
            self._heads[raw] = head
        return head, body


class _Events:
    """Collects what llhttp finds in a head."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.complete = True


def parse_head(raw: bytes) -> tuple[Head, ChunkedBody | None]:
    """Parse a request head, given to its last byte; with it comes the decoder of a chunked body.

    Raises:
        MalformedRequest: the bytes are no head of HTTP/1.0 or 1.1, or an ambiguous one.
        UnsupportedExpectation: it expects something other than ``100-continue``.
    """
    events = _Events()
    parser = HttpRequestParser(events)
    method, _, rest = raw.partition(b" ")
    if _METHOD.fullmatch(method) is None:
        raise MalformedRequest("the request line does not begin with a method")
    try:
        # llhttp knows some methods and no others, but the application is to answer all of them.
        parser.feed_data(b"POST " + rest)
    except HttpParserUpgrade:
        pass  # told apart below, by the headers
    except HttpParserError as error:
        raise MalformedRequest(f"the request head is malformed: {error}") from None
    request_line, _, _ = raw.partition(b"\r\n")
    if not events.complete or not request_line.endswith((b" HTTP/1.1", b" HTTP/1.0")):
        raise MalformedRequest("the request line is not one of HTTP/1.1")
    head = Head(method.decode(), events.target, parser.get_http_version())
    head.headers = [
        (name.decode("latin-1").lower(), value.decode("latin-1").strip())
        for name, value in events.headers
    ]
    _read_framing(head)
    return head, ChunkedBody() if head.chunked else None


def _read_framing(head: Head) -> None:
    """Read the headers that say how the message goes on."""
    if head.version == "1.1" and sum(name == "host" for name, _ in head.headers) != 1:
        raise MalformedRequest("a request has exactly one Host header")
    encoding = head.header("transfer-encoding")
    if encoding is not None:
        if encoding.lower() != "chunked" or head.version == "1.0":
            raise MalformedRequest("Transfer-Encoding may only be chunked, and only in HTTP/1.1")
        head.chunked = True
    head.content_length = int(head.header("content-length") or 0)
    # Not as llhttp tells it: at the end of a message, as a head without a body is one, it has
    # forgotten the header.
    options = _options(head.header("connection"))
    head.keep_alive = "close" not in options and (head.version == "1.1" or "keep-alive" in options)
    expectation = head.header("expect")
    if expectation is not None and head.version == "1.1":
        if expectation.lower() != "100-continue":
            raise UnsupportedExpectation("the only expectation this server meets is 100-continue")
        head.expects_continue = True
    head.upgrade = "websocket" in _options(head.header("upgrade"))


def _options(value: str | None) -> list[str]:
    """Return the members of a header that is a list, in lower case."""
    return members_of((value or "").lower())


def _split_target(target: bytes) -> tuple[str, str]:
    """Return path and query of a request target in origin, absolute or any other form."""
    if target[:4].lower() == b"http":  # absolute-form, as sent to a proxy
        _, _, rest = target.partition(b"://")
        target = b"/" + rest.partition(b"/")[2]
    path, _, query = target.partition(b"?")
    return unquote_to_bytes(path).decode("latin-1"), query.decode("latin-1")
