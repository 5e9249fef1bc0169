"""The door to a server, for asyncio."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from types import TracebackType
from weakref import WeakSet

from zoldyq.client.address import Address
from zoldyq.client.aio.queue import AsyncRemoteQueue
from zoldyq.client.aio.returns import Returns
from zoldyq.client.aio.stream import AsyncStream
from zoldyq.client.aio.transport import AsyncTransport
from zoldyq.client.client import DEFAULT_URL
from zoldyq.client.documents import Health, Message, Queues, QueueStats, decode
from zoldyq.client.endpoint import Endpoint
from zoldyq.client.environment import options_from
from zoldyq.client.exchange import Request


class AsyncClient:
    """Talks to one server over connections that it keeps open, from the tasks of one event loop.

    Use it in ``async with``, or close it. The options are those of :class:`~zoldyq.client.Client`.
    It may be made before there is an event loop, and belongs to the one of its first call.

    Raises:
        InvalidUrl: ``url`` names no server.
        InvalidOption: another option is wrong.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        ca_file: str | None = None,
        verify: bool = True,
        cert_file: str | None = None,
        key_file: str | None = None,
        connect_timeout: float = 5.0,
        reply_timeout: float = 5.0,
    ) -> None:
        self._transport = AsyncTransport(
            Endpoint(
                url,
                token=token,
                headers=headers,
                ca_file=ca_file,
                verify=verify,
                cert_file=cert_file,
                key_file=key_file,
                connect_timeout=connect_timeout,
                reply_timeout=reply_timeout,
            )
        )
        self._returns = Returns(self._transport)
        self._streams: WeakSet[AsyncStream] = WeakSet()

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> AsyncClient:
        """Return a client of the server that the environment names, as ``Client.from_env`` does.

        Raises:
            InvalidUrl, InvalidOption: one of the variables has a wrong value.
        """
        return cls(**options_from(environment))

    def __repr__(self) -> str:
        return f"AsyncClient({self.url!r})"

    @property
    def url(self) -> str:
        """The server's URL, with its port and without a slash at the end."""
        return self.address.url

    @property
    def address(self) -> Address:
        """The parts of the server's URL."""
        return self._transport.endpoint.address

    @property
    def headers(self) -> Mapping[str, str]:
        """What is sent with every request, the token included; its ``repr`` shows names alone."""
        return self._transport.endpoint.headers

    @property
    def leftover(self) -> Mapping[str, tuple[Message, ...]]:
        """After the end: messages of cancelled dequeues that could not be put back, by queue.

        The program may handle them or enqueue them again; they are lost otherwise.
        """
        return self._returns.leftover

    def queue(self, name: str) -> AsyncRemoteQueue:
        """Return the queue with this name, whether it exists or not. Nothing is sent."""
        return AsyncRemoteQueue(self._transport, self._returns, self._streams, name)

    async def queues(self) -> dict[str, QueueStats]:
        """Return the statistics of all queues, by their names."""
        return decode(await self._get("/queues"), Queues).queues

    async def health(self) -> Health:
        """Return how the server is. Without a token that may observe, it tells of no queues."""
        return decode(await self._get("/health"), Health)

    async def close(self) -> None:
        """Put back what streams and cancelled dequeues hold, and close the connections.

        Calls raise ClientClosed afterwards. Close producers before. If this is cancelled, it is
        done nevertheless, in the background.
        """
        await asyncio.shield(self._transport.start(self._close()))

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _close(self) -> None:
        for stream in list(self._streams):
            await stream.close()
        await self._returns.close()
        await self._transport.close()

    async def _get(self, path: str) -> bytes:
        return await self._transport.call(Request("GET", path, harmless=True))
