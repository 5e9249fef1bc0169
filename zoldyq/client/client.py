"""The door to a server."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from zoldyq.client.address import Address
from zoldyq.client.documents import Health, Queues, QueueStats, decode
from zoldyq.client.queue import RemoteQueue
from zoldyq.client.transport import Request, Transport

DEFAULT_URL = "http://127.0.0.1:9000"


class Client:
    """Talks to one server over connections that it keeps open. Threads may share it.

    ``token`` is sent with every request. ``connect_timeout`` bounds how long a connection may take
    to come about, ``reply_timeout`` how long a reply may take beyond what a call itself waits; both
    in seconds.

    Raises:
        InvalidUrl: ``url`` names no server.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: str | None = None,
        connect_timeout: float = 5.0,
        reply_timeout: float = 5.0,
    ) -> None:
        self._transport = Transport(Address.parse(url), token, connect_timeout, reply_timeout)

    @property
    def url(self) -> str:
        """The server's URL, with its port and without a slash at the end."""
        return self.address.url

    @property
    def address(self) -> Address:
        """The parts of the server's URL."""
        return self._transport.address

    @property
    def headers(self) -> Mapping[str, str]:
        """What is sent with every request, the token included."""
        return self._transport.headers

    def queue(self, name: str) -> RemoteQueue:
        """Return the queue with this name, whether it exists or not. Nothing is sent."""
        return RemoteQueue(self._transport, name)

    def queues(self) -> dict[str, QueueStats]:
        """Return the statistics of all queues, by their names."""
        return decode(self._get("/queues"), Queues).queues

    def health(self) -> Health:
        """Return how the server is. It answers without a token."""
        return decode(self._get("/health"), Health)

    def close(self) -> None:
        """Close the connections. Calls raise ClientError afterwards; streams go on."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _get(self, path: str) -> bytes:
        return self._transport.call(Request("GET", path, harmless=True))
