"""llhttp as the judge of heads: what it accepts, and how it reads it."""

from __future__ import annotations

import re
from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

_METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}")


class Verdict(NamedTuple):
    """How a head is read."""

    method: bytes
    target: bytes
    version: str
    headers: list[tuple[str, str]]


class _Events:
    """Collects what llhttp finds in a head."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[str, str]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")))

    def on_headers_complete(self) -> None:
        self.complete = True


def judge(raw: bytes) -> Verdict | None:
    """Return how llhttp reads a head, None if it refuses it."""
    method, _, rest = raw.partition(b" ")
    if _METHOD.fullmatch(method) is None:
        return None
    events = _Events()
    parser = HttpRequestParser(events)
    try:
        # llhttp knows some methods and no others, but any token is a method.
        parser.feed_data(b"POST " + rest)
    except HttpParserUpgrade:
        pass
    except HttpParserError:
        return None
    request_line, _, _ = raw.partition(b"\r\n")
    if not events.complete or not request_line.endswith((b" HTTP/1.1", b" HTTP/1.0")):
        return None
    return Verdict(method, events.target, parser.get_http_version(), events.headers)


class _Body:
    """Collects what llhttp finds in a body."""

    def __init__(self) -> None:
        self.data = b""
        self.complete = False

    def on_body(self, data: bytes) -> None:
        self.data += data

    def on_message_complete(self) -> None:
        self.complete = True


def judge_chunks(raw: bytes) -> bytes | None:
    """Return the body that llhttp reads from chunks, None if it refuses them or needs more."""
    body = _Body()
    parser = HttpRequestParser(body)
    parser.feed_data(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    try:
        parser.feed_data(raw)
    except HttpParserError:
        # What follows the body may be wrong; the body itself is judged.
        return body.data if body.complete else None
    return body.data if body.complete else None
