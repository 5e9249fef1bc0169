"""HTTP requests to one server over connections that are kept, by urllib3."""

from __future__ import annotations

import queue
import socket
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ClosedPoolError, HTTPError, NewConnectionError

from zoldyq.client.deadline import seconds
from zoldyq.client.endpoint import Endpoint
from zoldyq.client.errors import (
    ClientClosed,
    ConnectionLost,
    ServerUnreachable,
    connection_failed,
    is_of_a_stranger,
    reason_of,
)
from zoldyq.client.exchange import (
    Conversation,
    Exchange,
    Pause,
    Reply,
    Request,
    Rules,
    converse,
)
from zoldyq.client.forks import renew_in_children

_JSON = {"Content-Type": "application/json"}

# Idle connections that are kept; threads beyond them connect anew for each request.
_KEPT_CONNECTIONS = 256

# A connection that was idle for longer is not used again: the server, or a proxy in between, may
# close it in the moment in which the next request is sent, and then its fate is unknown.
_IDLE_SECONDS = 30.0


class Transport:
    """Sends requests to one server. Threads may share it, and so may processes after a fork."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._rules = Rules(endpoint.url, endpoint.headers.with_token, endpoint.connect_timeout)
        address = endpoint.address
        self._pool = _Pool(
            address.host, address.port, maxsize=_KEPT_CONNECTIONS, dial=endpoint.connect
        )

    def call(self, request: Request, timeout: float | None = 0.0) -> bytes:
        """Return the body of the reply, empty where nothing came within ``timeout`` seconds.

        None waits without an end.

        Raises:
            InvalidTimeout: ``timeout`` is not a number of seconds.
            ConnectionFailed, ConnectionLost, UnexpectedReply: as their classes say.
            ClientClosed: :meth:`close` was called.
            ZoldyQError: what the server answered.
        """
        conversation = converse(request, seconds(timeout), self._rules)
        try:
            step = next(conversation)
            while True:
                step = self._do(step, request, conversation)
        except StopIteration as end:
            return bytes(end.value)

    def close(self) -> None:
        """Close the connections that are idle; nothing can be sent afterwards."""
        self._pool.close()

    def _do(
        self, step: Exchange | Pause, request: Request, conversation: Conversation
    ) -> Exchange | Pause:
        """Do what a conversation asks for, and return what it asks for next."""
        if isinstance(step, Pause):
            sleep(step.seconds)
            return next(conversation)
        try:
            reply = self._exchange(request, step)
        except ServerUnreachable as error:
            return conversation.throw(error)
        return conversation.send(reply)

    def _exchange(self, request: Request, how: Exchange) -> Reply:
        endpoint = self.endpoint
        headers = endpoint.headers
        try:
            reply = self._pool.urlopen(
                request.method,
                endpoint.address.target(request.target(how.wait)),
                body=request.body,
                headers=headers if request.body is None else {**headers, **_JSON},
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(
                    connect=how.connect_timeout, read=how.wait + endpoint.reply_timeout
                ),
            )
        except NewConnectionError as error:
            raise connection_failed(endpoint.url, error) from error
        except ClosedPoolError as error:
            raise ClientClosed("this client is closed: make another") from error
        except HTTPError as error:
            raise ConnectionLost(
                f"{endpoint.url} did not answer ({reason_of(error)}): "
                "the server may have done what was asked for, or not"
            ) from error
        if reply.status == 200 and not reply.data:
            # A head that breaks off passes for a whole one, and for a body without length.
            raise ConnectionLost(f"the reply of {endpoint.url} broke off")
        names = {name.lower(): value for name, value in reply.headers.items()}
        return Reply(reply.status, names, reply.data)


class _Connection(HTTPConnection):
    """A connection that is made by ``dial``: over TCP or a Unix socket, with TLS or without."""

    def __init__(self, *args: Any, dial: Callable[[float], socket.socket], **options: Any) -> None:
        super().__init__(*args, **options)
        self._dial = dial
        self._used_at = monotonic()

    def connect(self) -> None:
        """Make the connection. Raises NewConnectionError."""
        limit = self.timeout
        assert isinstance(limit, float), "every request sets one"
        try:
            self.sock = self._dial(limit)
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error

    @property
    def is_connected(self) -> bool:
        """Whether it can be used for one more request."""
        return super().is_connected and monotonic() - self._used_at < _IDLE_SECONDS

    def getresponse(self) -> Any:
        """Return the next response, whose body has been read."""
        response = super().getresponse()
        self._used_at = monotonic()
        if is_of_a_stranger(response.status, response.data):
            # A proxy keeps what leads to a server that has gone; a new connection may lead to
            # another one. The pool makes it when it needs it.
            self.close()
        return response


class _IdleConnections(queue.LifoQueue[Any]):
    """The idle connections of a pool. A child process finds none of its parent's."""

    def __init__(self, maxsize: int) -> None:
        super().__init__(maxsize)
        renew_in_children(self, _IdleConnections._empty)

    def _empty(self) -> None:
        """Forget the parent's connections, and its locks, which a thread of it may hold."""
        super().__init__(self.maxsize)
        for _ in range(self.maxsize):
            self.put(None)  # urllib3's sign for "make one"


class _Pool(urllib3.HTTPConnectionPool):
    """Connections of the class above. TLS is the matter of ``dial``."""

    ConnectionCls = _Connection
    QueueCls = _IdleConnections  # type: ignore[assignment]  # what urllib3 lets us replace
