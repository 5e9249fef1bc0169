"""Replies into bytes of HTTP/1.1."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus

from zoldyq.wire import JSON, NO_STORE, Headers, Reply

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

#: Statuses whose responses have no body.
NO_BODY = frozenset({204, 304})


def keep_alive_lines(idle_seconds: float) -> str:
    """Return the header lines of a response after which the connection stays open.

    Keep-Alive tells a client for how many seconds an idle connection may be used again, so that
    it does not send a request in the moment in which the server closes. Connection names that
    header, as RFC 9110, section 7.6.1 asks, and is what a client of HTTP/1.0 waits for.
    """
    lines = "Connection: keep-alive\r\n"
    return lines + (f"Keep-Alive: timeout={int(idle_seconds)}\r\n" if idle_seconds >= 1 else "")


CLOSE_LINES = "Connection: close\r\n"


class Renderer:
    """Renders replies for one thread, keeping what is the same in all of them.

    Everything before the length of a body is kept by status, type and headers, with the Date
    (RFC 9110, section 6.6.1) of the current second. ``idle_seconds`` is how long a connection may
    be idle.
    """

    def __init__(self, idle_seconds: float) -> None:
        self._keep_alive = keep_alive_lines(idle_seconds)
        self._second = 0
        self._date = ""
        self._beginnings: dict[tuple[int, str, Headers, bool], bytes] = {}
        self._usual = b""  # the beginning of most responses, up to the number of Content-Length
        self.tick(1)

    def tick(self, second: int) -> None:
        """Take note of the time, in whole seconds since the epoch."""
        if second != self._second:
            self._second = second
            self._date = formatdate(second, usegmt=True)
            self._beginnings.clear()
            self._usual = self._begin(Reply(200, headers=NO_STORE)) + b"Content-Length: "

    def render(self, reply: Reply, *, close: bool = False, head: bool = False) -> bytes:
        """Return the whole response; ``close`` ends the connection, ``head`` answers a HEAD."""
        headers = reply.headers
        body = reply.body
        # Compared as objects: hashing the strings takes a fifth of a microsecond.
        usual = headers is NO_STORE and reply.status == 200 and reply.content_type is JSON
        if usual and not (close or head):
            return b"%b%d\r\n\r\n%b" % (self._usual, len(body), body)
        key = (reply.status, reply.content_type, headers, close)
        beginning = self._beginnings.get(key)
        if beginning is None:
            beginning = self._begin(reply, close=close)
            self._beginnings[key] = beginning
        if reply.status in NO_BODY:
            return beginning + b"\r\n"
        response = b"%bContent-Length: %d\r\n\r\n" % (beginning, len(body))
        return response if head else response + body

    def _begin(self, reply: Reply, *, close: bool = False) -> bytes:
        status = reply.status
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Date: {self._date}"]
        if status not in NO_BODY:
            lines.append(f"Content-Type: {reply.content_type}")
        lines += [f"{name}: {value}" for name, value in reply.headers]
        lines.append(CLOSE_LINES if close else self._keep_alive)
        return "\r\n".join(lines).encode("latin-1")
