"""What the head of a request means (RFC 9110 and RFC 9112).

The grammar is read strictly: whatever two readers could understand in two ways is refused, for
request smuggling lives on it. Nothing is repaired: no bare line feeds, no folded lines, no space
before a colon, no two lengths.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from copy import copy
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from zoldyq.contract.errors import (
    MalformedRequest,
    UnsupportedExpectation,
    UnsupportedTransferEncoding,
)
from zoldyq.server.api.router import asks_for_websocket
from zoldyq.server.api.targets import ONE_HOST, check_authority, split_target
from zoldyq.server.native.http.route import NO_ROUTE
from zoldyq.wire import members_of

#: The characters of a method or of the name of a header (RFC 9110, section 5.6.2).
TOKEN = rb"!#$%&'*+\-.^_`|~0-9A-Za-z"

#: The headers that decide how a request is read and what the event loop does with it. All others
#: only have to be well-formed, and go to the application as they are.
MATTERS = frozenset(
    {
        b"accept",
        b"accept-language",
        b"access-control-request-method",
        b"authorization",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"expect",
        b"host",
        b"origin",
        b"sec-fetch-dest",
        b"sec-fetch-mode",
        b"sec-fetch-site",
        b"sec-fetch-storage-access",
        b"sec-fetch-user",
        b"sec-websocket-extensions",
        b"sec-websocket-key",
        b"sec-websocket-protocol",
        b"sec-websocket-version",
        b"transfer-encoding",
        b"upgrade",
        b"user-agent",
    }
)

# Visible ASCII but "#", which begins a part of a URI that is never sent. That is more than the
# grammar of RFC 3986 allows (as "|"), but means nothing else to anyone.
_REQUEST_LINE = re.compile(rb"([%b]{1,32}) ([\x21\x22\x24-\x7e]+) HTTP/1\.([01])" % TOKEN).fullmatch
# One class a part, and no character in two neighbours: a refusal takes linear time.
#: The bytes that the value of a header may hold (RFC 9110, section 5.5).
VALUE_BYTES = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])
_HEADER = re.compile(rb"([%b]+):([\t\x20-\x7e\x80-\xff]*)" % TOKEN).fullmatch
_LENGTH = re.compile(rb"[0-9]{1,20}").fullmatch
_LARGEST_LENGTH = (1 << 64) - 1
_OWS = b" \t"


class RequestLine(NamedTuple):
    """The first line of a request. ``authority`` is that of a target in absolute form, or empty."""

    method: str
    path: str
    query: str
    version: str
    authority: str


class Head:
    """The head of a request, as it was understood.

    ``path`` is percent-decoded (one character a byte, as WSGI has it), ``query`` is raw,
    ``headers`` have lower-case names. They are all headers where an application serves the
    request (``wants_all``), and else only those that matter. ``route`` is worked out once for all
    requests that are alike in what matters. ``authority`` is that of a target in absolute form,
    else empty.
    """

    __slots__ = (
        "authority",
        "chunked",
        "expects_continue",
        "headers",
        "keep_alive",
        "method",
        "path",
        "query",
        "route",
        "upgrade",
        "version",
        "wants_all",
    )

    def __init__(self, line: RequestLine, headers: list[tuple[str, str]]) -> None:
        self.method = line.method
        self.path = line.path
        self.query = line.query
        self.version = line.version
        self.authority = line.authority
        self.headers = headers
        self.keep_alive = False
        self.chunked = False
        self.expects_continue = False
        self.upgrade = False
        self.route = NO_ROUTE
        self.wants_all = True

    def with_headers(self, lines: Iterable[bytes]) -> Head:
        """Return this head with the headers of these lines in the place of its own."""
        head = copy(self)
        head.headers = headers_of(lines, self.authority)
        return head

    def header(self, name: str) -> str | None:
        """Return a header that matters by its lower-case name, several joined by commas."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None


def split_header(line: bytes) -> tuple[bytes, bytes]:
    """Return the name of a header line, in lower case, and its value.

    Raises:
        MalformedRequest: it is no header line.
    """
    found = _HEADER(line)
    if found is None:
        raise MalformedRequest("a header line is malformed")
    return found[1].lower(), found[2].strip(_OWS)


def read_length(value: bytes) -> int:
    """Return what a Content-Length says, in bytes. Raises MalformedRequest."""
    if _LENGTH(value) is None or (length := int(value)) > _LARGEST_LENGTH:
        raise MalformedRequest("Content-Length is no number of bytes")
    return length


def read_head(request_line: bytes, lines: Iterable[bytes]) -> Head:
    """Read a head from its request line and its header lines, all or only those that matter.

    Content-Length is not looked at: :mod:`.head_reader` does that.

    Raises:
        MalformedRequest: the bytes are no head of HTTP/1.0 or 1.1, or an ambiguous one.
        UnsupportedTransferEncoding: the body is compressed on its way.
        UnsupportedExpectation: it expects something other than ``100-continue``.
    """
    line = read_request_line(request_line)
    head = Head(line, headers_of(lines, line.authority))
    _check_host(head)
    _read_framing(head)
    return head


def read_request_line(text: bytes) -> RequestLine:
    """Read the first line of a request. Raises MalformedRequest."""
    found = _REQUEST_LINE(text)
    if found is None:
        raise MalformedRequest("the request line is not one of HTTP/1.1")
    method, target, version = found.groups()
    path, query, authority = split_target(method, target)
    return RequestLine(
        method.decode(),
        unquote_to_bytes(path).decode("latin-1"),
        query.decode(),
        f"1.{version.decode()}",
        authority.decode(),
    )


def headers_of(lines: Iterable[bytes], authority: str = "") -> list[tuple[str, str]]:
    """Return names and values of header lines; ``authority`` stands for the Host if given.

    RFC 9112, section 3.2.2: a target in absolute form is what counts.
    """
    headers = []
    for line in lines:
        name, value = split_header(line)
        if authority and name == b"host":
            check_authority(value)
            value = authority.encode()
        headers.append((name.decode(), value.decode("latin-1")))
    return headers


def _check_host(head: Head) -> None:
    hosts = [value for name, value in head.headers if name == "host"]
    if len(hosts) > 1 or (not hosts and head.version == "1.1"):
        raise MalformedRequest(ONE_HOST)
    if hosts:
        check_authority(hosts[0].encode("latin-1"))


def _read_framing(head: Head) -> None:
    """Read the headers that say how the message goes on."""
    encoding = head.header("transfer-encoding")
    if encoding is not None:
        _check_transfer_encoding(encoding.lower(), head.version)
        head.chunked = True
    options = members_of((head.header("connection") or "").lower())
    head.keep_alive = "close" not in options and (head.version == "1.1" or "keep-alive" in options)
    expectation = head.header("expect")
    if head.version == "1.0":
        return  # RFC 9110: Expect (10.1.1) and Upgrade (7.8) are to be ignored
    if expectation is not None:
        if expectation.lower() != "100-continue":
            raise UnsupportedExpectation("the only expectation this server meets is 100-continue")
        head.expects_continue = True
    head.upgrade = asks_for_websocket(head.header("upgrade"))


def _check_transfer_encoding(encoding: str, version: str) -> None:
    """Accept ``chunked`` alone (RFC 9112, section 6.1)."""
    if encoding == "chunked" and version == "1.1":
        return
    *others, last = members_of(encoding) or [""]
    if version == "1.1" and last == "chunked" and others and "chunked" not in others:
        raise UnsupportedTransferEncoding(
            "send the body as it is, or in chunks: this server knows no other transfer encoding"
        )
    raise MalformedRequest(
        "Transfer-Encoding may only be chunked, once and at the end, and only in HTTP/1.1"
    )
