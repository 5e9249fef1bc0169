"""Connections of aiohttp, and a way to hang up on one while its reply may be on the way."""

from __future__ import annotations

import socket
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from zoldyq.client.endpoint import Endpoint

# A connection that was idle for longer is not used again: the server, or a proxy in between, may
# close it in the moment in which the next request is sent, and then its fate is unknown.
_IDLE_SECONDS = 30.0


class Line:
    """The connection that one call uses at the moment."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self._protocol: ResponseHandler | None = None
        self.hung_up = False

    def use(self, connection: Connection) -> None:
        """Note what the call uses from now on."""
        self.connection = connection
        self._protocol = connection.protocol

    def drop(self) -> None:
        """Close the connection, also if it waits for its next use already."""
        if self._protocol is not None:
            self._protocol.close()

    def hang_up(self) -> bool:
        """Tell the server that nothing more is read after what it has sent by now.

        False if there is no connection, so nothing can come. Otherwise the server ends the
        connection, in front of its reply or behind it: a reply that breaks off was never sent.
        """
        self.hung_up = True
        connection = self.connection
        transport = None if connection is None else connection.transport
        if connection is None or transport is None:
            return False
        if connection.protocol is not None:
            connection.protocol.force_close()  # nobody uses it again
        with suppress(OSError):  # the server was faster
            transport.get_extra_info("socket").shutdown(socket.SHUT_WR)
        return True


#: The line of the call that the current task makes.
line_of_task: ContextVar[Line | None] = ContextVar("line_of_task", default=None)


class _Noting(aiohttp.BaseConnector):
    """Notes on the line of a call which connection the call uses."""

    async def connect(self, *args: Any, **options: Any) -> Connection:
        connection = await super().connect(*args, **options)
        line = line_of_task.get()
        if line is not None:
            line.use(connection)
        return connection


class _OverTcp(_Noting, aiohttp.TCPConnector):
    pass


class _OverUnixSocket(_Noting, aiohttp.UnixConnector):
    pass


def connector_to(endpoint: Endpoint) -> aiohttp.BaseConnector:
    """Return what makes connections to a server, as many as are used at once."""
    address = endpoint.address
    if address.unix_path:
        return _OverUnixSocket(address.unix_path, limit=0, keepalive_timeout=_IDLE_SECONDS)
    tls = True if endpoint.tls is None else endpoint.tls
    return _OverTcp(ssl=tls, limit=0, keepalive_timeout=_IDLE_SECONDS)
