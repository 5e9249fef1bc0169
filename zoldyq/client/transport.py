"""HTTP requests to one server over kept-alive connections, and when to send one again.

A request is sent again only where that can neither duplicate nor lose a message: the connection
was refused before anything was sent, or the server said that it did nothing and when to ask again
(429 and 503 with ``Retry-After``). What changes nothing is also repeated when its reply was lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import sleep
from urllib.parse import urlencode

import msgspec
import urllib3
from urllib3.exceptions import (
    ClosedPoolError,
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    SSLError,
)

from zoldyq import __version__
from zoldyq.client.address import Address
from zoldyq.client.deadline import Deadline
from zoldyq.client.errors import ClientError, ConnectionFailed, ConnectionLost, error_of

_JSON = {"Content-Type": "application/json"}

#: Pause between two attempts to connect, in seconds.
_CONNECT_PAUSE = 0.1

# Idle connections that are kept; threads beyond them connect anew for each request.
_KEPT_CONNECTIONS = 256


class Request(msgspec.Struct, frozen=True):
    """What to ask of a server.

    One that ``waits`` hands its time-out to the server. One that is ``harmless`` changes nothing.
    """

    method: str
    path: str
    parameters: Mapping[str, str | int] = {}
    body: bytes | None = None
    waits: bool = False
    harmless: bool = False


class Transport:
    """Sends requests to one server.

    ``connect_timeout`` and ``reply_timeout`` are in seconds: for a connection to come about, and
    for a reply beyond the time that the request itself allows for waiting.
    """

    def __init__(
        self, address: Address, token: str | None, connect_timeout: float, reply_timeout: float
    ) -> None:
        self.address = address
        self.connect_timeout = connect_timeout
        self.reply_timeout = reply_timeout
        self.headers = {"User-Agent": f"zoldyq-python/{__version__}"}
        if token is not None:
            self.headers["Authorization"] = f"Bearer {token}"
        self._pool = urllib3.connection_from_url(address.url, maxsize=_KEPT_CONNECTIONS)

    def call(self, request: Request, timeout: float = 0.0) -> bytes:
        """Return the body of the reply, empty where nothing came within ``timeout`` seconds.

        Raises:
            ConnectionFailed, ConnectionLost, UnexpectedReply: as their classes say.
            ZoldyQError: what the server answered.
        """
        deadline = Deadline(timeout)
        connecting: Deadline | None = None  # from the first of several vain attempts on
        while True:
            try:
                reply = self._exchange(request, deadline.left)
            except ConnectionFailed:
                connecting = connecting or Deadline(min(deadline.left, self.connect_timeout))
                if connecting.left <= _CONNECT_PAUSE:
                    raise
                sleep(_CONNECT_PAUSE)
                continue
            connecting = None
            if 200 <= reply.status < 300:
                return reply.data
            pause = _retry_after(reply)
            if pause is None or pause >= deadline.left:
                raise error_of(reply.status, reply.data, self.address.url)
            sleep(pause)

    def close(self) -> None:
        """Close the connections that are idle; nothing can be sent afterwards."""
        self._pool.close()

    def _exchange(self, request: Request, wait: float) -> urllib3.BaseHTTPResponse:
        try:
            return self._exchange_once(request, wait)
        except ConnectionLost:
            if not request.harmless:
                raise
            return self._exchange_once(request, wait)

    def _exchange_once(self, request: Request, wait: float) -> urllib3.BaseHTTPResponse:
        try:
            reply = self._pool.urlopen(
                request.method,
                self.address.target(request.path) + _query(request, wait),
                body=request.body,
                headers=self.headers if request.body is None else {**self.headers, **_JSON},
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(
                    connect=self.connect_timeout, read=wait + self.reply_timeout
                ),
            )
        except (NewConnectionError, ConnectTimeoutError, SSLError) as error:
            raise ConnectionFailed(
                f"cannot reach {self.address.url} ({_reason(error)}): is the server running, "
                "and is this its address?"
            ) from error
        except ClosedPoolError as error:
            raise ClientError("this client is closed: make another") from error
        except HTTPError as error:
            raise ConnectionLost(
                f"{self.address.url} did not answer ({_reason(error)}): "
                "the server may have done what was asked for, or not"
            ) from error
        if reply.status == 200 and not reply.data:
            # A head that breaks off passes for a whole one, and for a body without length.
            raise ConnectionLost(f"the reply of {self.address.url} broke off")
        return reply


def _query(request: Request, wait: float) -> str:
    parameters = dict(request.parameters)
    if request.waits and wait:
        parameters["timeout"] = f"{wait:.3f}"
    return f"?{urlencode(parameters)}" if parameters else ""


def _retry_after(reply: urllib3.BaseHTTPResponse) -> float | None:
    """Return after how many seconds to ask again; None where that might do something twice."""
    value = reply.headers.get("Retry-After", "")
    return float(value) if reply.status in (429, 503) and value.isdecimal() else None


def _reason(error: HTTPError) -> str:
    """Return what the system said, without the object that urllib3 puts in front of it."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return str(getattr(cause, "strerror", None) or cause)
