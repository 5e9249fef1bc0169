"""HTTP requests to one server over connections that are kept, by aiohttp."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Coroutine
from typing import Any

import aiohttp
from yarl import URL

from zoldyq.client.aio.connector import Line, connector_to, line_of_task
from zoldyq.client.deadline import seconds
from zoldyq.client.endpoint import Endpoint
from zoldyq.client.errors import (
    ClientClosed,
    ConnectionFailed,
    ConnectionLost,
    ServerUnreachable,
    connection_failed,
    error_of,
    is_of_a_stranger,
    reason_of,
)
from zoldyq.client.exchange import Exchange, Pause, Reply, Request, Rules, converse

_JSON = {"Content-Type": "application/json"}

# aiohttp sends a larger body piece by piece if it is a file.
_LARGE = 1 << 20

#: What aiohttp raises where it has sent nothing.
NO_CONNECTION = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class AsyncTransport:
    """Sends requests to one server, from the tasks of one event loop: that of the first call."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._rules = Rules(endpoint.url, endpoint.headers.with_token, endpoint.connect_timeout)
        address = endpoint.address
        scheme = "https" if address.secure else "http"
        self._base = f"{scheme}://{address.authority}"
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        # The event loop keeps weak references to tasks alone.
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session of aiohttp. Raises ClientClosed, and RuntimeError in another event loop."""
        if self._closed:
            raise ClientClosed("this client is closed: make another")
        self._bind()
        if self._session is None:
            self._session = self._new_session()
        return self._session

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop of the first call; None before it."""
        return self._loop

    def url(self, target: str) -> URL:
        """Return the URL of a path and query of the server, which stay as they are."""
        return URL(self._base + self.endpoint.address.target(target), encoded=True)

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Have work done in a task of its own, which is not lost before its end."""
        task = self._bind().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def call(
        self, request: Request, timeout: float | None = 0.0, line: Line | None = None
    ) -> bytes:
        """Return the body of the reply, empty where nothing came within ``timeout`` seconds.

        None waits without an end. ``line`` is to know the connection that is used.

        Raises:
            InvalidTimeout: ``timeout`` is not a number of seconds.
            ConnectionFailed, ConnectionLost, UnexpectedReply: as their classes say.
            ClientClosed: :meth:`close` was called.
            ZoldyQError: what the server answered.
        """
        line = Line() if line is None else line
        line_of_task.set(line)
        conversation = converse(request, seconds(timeout), self._rules)
        try:
            step = next(conversation)
            while True:
                done = await self._do(step, request, line)
                if isinstance(done, ServerUnreachable):
                    step = conversation.throw(done)
                else:
                    step = conversation.send(done)
        except StopIteration as end:
            return bytes(end.value)

    async def close(self) -> None:
        """Close the connections; nothing can be sent afterwards."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    def _bind(self) -> asyncio.AbstractEventLoop:
        """Return the running event loop, which has to be that of the first call."""
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        if loop is not self._loop:
            raise RuntimeError("this AsyncClient belongs to another event loop: make one for each")
        return loop

    async def _do(
        self, step: Exchange | Pause, request: Request, line: Line
    ) -> Reply | ServerUnreachable | None:
        """Do what a conversation asks for, and return what came of it."""
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        line.connection = None
        if line.hung_up:
            raise ConnectionLost("this call was cancelled")
        try:
            return await self._exchange(request, step, line)
        except ServerUnreachable as error:
            return error

    async def _exchange(self, request: Request, how: Exchange, line: Line) -> Reply:
        endpoint = self.endpoint
        headers = endpoint.headers
        try:
            async with self.session.request(
                request.method,
                self.url(request.target(how.wait)),
                data=_data(request.body),
                headers=headers if request.body is None else {**headers, **_JSON},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    connect=how.connect_timeout, sock_read=how.wait + endpoint.reply_timeout
                ),
            ) as reply:
                body = await _read(reply, line)
        except NO_CONNECTION as error:
            raise no_connection(endpoint.url, error) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ConnectionLost(
                f"{endpoint.url} did not answer ({reason_of(error) or 'no time is left'}): "
                "the server may have done what was asked for, or not"
            ) from error
        if reply.status == 200 and not body:
            raise ConnectionLost(f"the reply of {endpoint.url} broke off")
        names = {name.lower(): value for name, value in reply.headers.items()}
        return Reply(reply.status, names, body)

    def _new_session(self) -> aiohttp.ClientSession:
        limit = self.endpoint.connect_timeout
        session = aiohttp.ClientSession(
            connector=connector_to(self.endpoint),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Of handshakes; requests have their own.
            timeout=aiohttp.ClientTimeout(connect=limit, sock_read=limit),
            skip_auto_headers=("Content-Type",),
            middlewares=(self._check_handshake,),
        )
        # aiohttp sends a PUT or DELETE again whose reply was lost. The rules decide that here.
        session._retry_connection = False
        return session

    async def _check_handshake(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Raise what the server says to a handshake that it refuses: aiohttp drops the text."""
        response = await handler(request)
        if "Upgrade" in request.headers and response.status != 101:
            endpoint = self.endpoint
            body = await response.read()
            with_token = endpoint.headers.with_token
            raise error_of(response.status, body, endpoint.url, with_token=with_token)
        return response


async def _read(reply: aiohttp.ClientResponse, line: Line) -> bytes:
    """Return the body of a reply, and do not use a connection again that a proxy has answered on.

    It may lead to a server that has gone; a new one may lead to another.
    """
    connection = reply.connection
    if reply.status >= 400 and connection is not None and connection.protocol is not None:
        # The rest of the body will free the connection for any other call, before it is known here.
        connection.protocol.force_close()
    body = await reply.read()
    if is_of_a_stranger(reply.status, body):
        line.drop()
    return body


def no_connection(url: str, error: Exception) -> ConnectionFailed:
    """Return the error for a connection that aiohttp could not make."""
    code = error.errno if isinstance(error, OSError) else None
    if code is None or code <= 0 or isinstance(error, aiohttp.ClientSSLError):
        return connection_failed(url, error)
    # asyncio has a text of its own for each address.
    return connection_failed(url, OSError(code, os.strerror(code)))


def _data(body: bytes | None) -> bytes | io.BytesIO | None:
    return body if body is None or len(body) < _LARGE else io.BytesIO(body)
