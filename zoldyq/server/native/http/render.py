"""Replies into bytes of HTTP/1.1."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus

from zoldyq.wire import NO_STORE, Headers, Reply

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

#: Statuses whose responses have no body.
NO_BODY = frozenset({204, 304})


class Renderer:
    """Renders replies for one thread, keeping what is the same in all of them.

    Everything before the length of a body is kept by status, type and headers, with the Date
    (RFC 9110, section 6.6.1) of the current second.
    """

    def __init__(self) -> None:
        self._second = 0
        self._date = ""
        self._beginnings: dict[tuple[int, str, Headers | None], bytes] = {}

    def tick(self, second: int) -> None:
        """Take note of the time, in whole seconds since the epoch."""
        if second != self._second:
            self._second = second
            self._date = formatdate(self._second, usegmt=True)
            self._beginnings.clear()

    def render(self, reply: Reply, *, close: bool = False, http10: bool = False) -> bytes:
        """Return the whole response; ``close`` and ``http10`` decide on the Connection header."""
        headers = reply.headers
        # Most replies carry the one and same tuple; comparing it spares the hash of its strings,
        # a fifth of a microsecond.
        key = (reply.status, reply.content_type, None if headers is NO_STORE else headers)
        beginning = self._beginnings.get(key)
        if beginning is None:
            beginning = self._begin(reply)
            self._beginnings[key] = beginning
        body = reply.body
        if close:
            beginning += b"Connection: close\r\n"
        elif http10:
            beginning += b"Connection: keep-alive\r\n"
        if reply.status in NO_BODY:
            return beginning + b"\r\n"
        return b"%bContent-Length: %d\r\n\r\n%b" % (beginning, len(body), body)

    def _begin(self, reply: Reply) -> bytes:
        status = reply.status
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Date: {self._date}"]
        if status not in NO_BODY:
            lines.append(f"Content-Type: {reply.content_type}")
        lines += [f"{name}: {value}" for name, value in reply.headers]
        return ("\r\n".join(lines) + "\r\n").encode("latin-1")
