"""Requests, and when to send one again: the rules without any input or output.

A request is sent again only where that can neither duplicate nor lose a message: there was no
connection, so nothing was sent, or the server said that it did nothing and when to ask again (429
and 503 with ``Retry-After``). A request that changes nothing is sent again when its reply was
lost, too.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from logging import DEBUG
from time import monotonic
from typing import TypeAlias
from urllib.parse import urlencode

import msgspec

from zoldyq.client.deadline import Deadline
from zoldyq.client.errors import ConnectionFailed, ConnectionLost, error_of
from zoldyq.client.own_work import log
from zoldyq.contract.errors import InvalidTimeout, QueueFull, ZoldyQError

#: Pauses between attempts, in seconds: the first, doubled up to the longest.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 1.0

#: A call without an end waits for at most so many seconds at a time, as servers have a limit.
_LONGEST_WAIT = 600.0

#: An attempt to connect gets so many seconds even if the caller's time is shorter.
_LEAST_CONNECT_SECONDS = 0.5


class Request(msgspec.Struct, frozen=True):
    """What to ask of a server.

    One that ``waits`` hands its time-out to the server. One that is ``harmless`` changes nothing.
    """

    method: str
    path: str
    parameters: Mapping[str, str | int | float] = {}
    body: bytes | None = None
    waits: bool = False
    harmless: bool = False

    def target(self, wait: float) -> str:
        """Return path and query; the server may wait for ``wait`` seconds."""
        parameters = dict(self.parameters)
        if self.waits and wait:
            parameters["timeout"] = f"{wait:.3f}"
        return f"{self.path}?{urlencode(parameters)}" if parameters else self.path


class Reply(msgspec.Struct, frozen=True):
    """The answer to a request, whatever it says. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange(msgspec.Struct, frozen=True):
    """Do this: send the request once, and return the reply.

    The server may wait for ``wait`` seconds, a connection may take ``connect_timeout``.
    """

    wait: float
    connect_timeout: float


class Pause(msgspec.Struct, frozen=True):
    """Do this: wait for so many seconds."""

    seconds: float


#: Yields what to do. Is sent the reply to an Exchange, or thrown its error, and None after a Pause.
#: Returns the body of the last reply.
Conversation: TypeAlias = Generator[Exchange | Pause, Reply | None, bytes]


class Rules(msgspec.Struct, frozen=True):
    """What a conversation has to know of its client: texts for errors, and a limit in seconds."""

    url: str
    with_token: bool
    connect_timeout: float


def converse(request: Request, timeout: float, rules: Rules) -> Conversation:
    """Have a request answered within ``timeout`` seconds, infinity for as long as it takes.

    Raises:
        ConnectionFailed, ConnectionLost, UnexpectedReply: as their classes say.
        ZoldyQError: what the server answered.
    """
    course = _Course(request, timeout, rules)
    while True:
        exchange = course.exchange()
        began = monotonic()
        try:
            reply = yield exchange
            assert reply is not None, "every exchange has a reply, or throws"
            if log.isEnabledFor(DEBUG):
                _tell(request, exchange, reply, monotonic() - began)
            body = course.body(reply)
        except ZoldyQError as error:
            again = course.pause_after(error)
            # Raised here: a frame that keeps its error in a variable would make a cycle of both,
            # and the garbage would keep connections open.
            if again is None:
                raise
            pause = again
        else:
            if body is not None:
                return body
            pause = course.pause_after_nothing()
        if pause:
            yield Pause(pause)


def _tell(request: Request, exchange: Exchange, reply: Reply, seconds: float) -> None:
    """Log a request and its answer, without headers and bodies: they may hold secrets."""
    log.debug("%s %s: %d, %d bytes after %.3f s", request.method, request.target(exchange.wait),
              reply.status, len(reply.body), seconds)  # fmt: skip


class _Course:
    """How far a request has come, and what follows."""

    def __init__(self, request: Request, timeout: float, rules: Rules) -> None:
        self._request = request
        self._timeout = timeout
        self._rules = rules
        self._deadline = Deadline(timeout)
        self._endless = timeout == math.inf
        self._longest_wait = _LONGEST_WAIT if self._endless else timeout
        self._pause = _FIRST_PAUSE
        self._once_more = request.harmless  # whatever the time that is left
        self._retry_after = math.inf  # seconds, as the last reply says

    def exchange(self) -> Exchange:
        """Return the next attempt."""
        left = self._deadline.left
        limit = self._rules.connect_timeout
        if self._timeout:
            limit = min(limit, max(left, _LEAST_CONNECT_SECONDS))
        wait = min(left, self._longest_wait) if self._request.waits else 0.0
        return Exchange(wait, limit)

    def body(self, reply: Reply) -> bytes | None:
        """Return a reply's body, None to go on waiting. Raises the error that it stands for."""
        self._retry_after = _retry_after(reply)
        if not 200 <= reply.status < 300:
            rules = self._rules
            raise error_of(reply.status, reply.body, rules.url, with_token=rules.with_token)
        nothing_came = self._request.waits and not reply.body
        return None if nothing_came and self._endless else reply.body

    def pause_after_nothing(self) -> float:
        """Return the seconds to pause when the server waited and nothing came."""
        return 0.0 if self._longest_wait else _FIRST_PAUSE

    def pause_after(self, error: ZoldyQError) -> float | None:
        """Return the seconds to pause before the next attempt; None where the error is final."""
        if isinstance(error, ConnectionFailed):
            return self._next_pause()
        if isinstance(error, ConnectionLost):
            return self._pause_after_loss()
        if isinstance(error, InvalidTimeout) and self._endless:
            return self._wait_less(error)
        if self._retry_after < self._deadline.left:
            return self._retry_after
        return _FIRST_PAUSE if isinstance(error, QueueFull) and self._endless else None

    def _pause_after_loss(self) -> float | None:
        if not self._request.harmless:
            return None
        if self._once_more:
            self._once_more = False
            return 0.0
        return self._next_pause()

    def _next_pause(self) -> float | None:
        if self._deadline.passed:
            return None
        pause = min(self._pause, self._deadline.left)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return pause

    def _wait_less(self, error: InvalidTimeout) -> float | None:
        """Have the server wait no longer at a time than its settings allow."""
        maximum = error.details.get("maximum")
        if not isinstance(maximum, (int, float)) or not 0 <= maximum < self._longest_wait:
            return None
        self._longest_wait = float(maximum)
        return 0.0


def _retry_after(reply: Reply) -> float:
    """Return after how many seconds to ask again; infinity where that might do a thing twice."""
    value = reply.headers.get("retry-after", "")
    return float(value) if reply.status in (429, 503) and value.isdecimal() else math.inf
