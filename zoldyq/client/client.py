"""The door to a server."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from types import TracebackType

from zoldyq.client.address import Address
from zoldyq.client.documents import Health, Queues, QueueStats, decode
from zoldyq.client.endpoint import Endpoint
from zoldyq.client.environment import options_from
from zoldyq.client.exchange import Request
from zoldyq.client.queue import RemoteQueue
from zoldyq.client.transport import Transport

DEFAULT_URL = "http://127.0.0.1:9000"


class Client:
    """Talks to one server over connections that it keeps open.

    Threads may share it. After a fork the child makes connections of its own.

    ``url`` is as ``http://localhost:9000``, ``https://example.org/behind-a-proxy`` or
    ``unix:///run/zoldyq.sock``. ``token`` and the further ``headers`` are sent with every request,
    and never shown. ``ca_file``, ``verify``, ``cert_file`` and ``key_file`` are for TLS:
    certificates to trust (PEM) in the place of the system's, False to trust any, and the client's
    own certificate. ``connect_timeout`` bounds each attempt to connect, ``reply_timeout`` how long
    a reply may take beyond what a call itself waits; both in seconds.

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
        self._transport = Transport(
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

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Client:
        """Return a client of the server that the environment names.

        ``ZOLDYQ_URL`` and ``ZOLDYQ_TOKEN`` (of several with commas between them the first) or
        ``ZOLDYQ_TOKEN_FILE`` say where it is and what opens it. ``ZOLDYQ_CACERT``, ``ZOLDYQ_CERT``
        and ``ZOLDYQ_KEY`` name files for TLS, and ``ZOLDYQ_INSECURE=1`` trusts any certificate.

        Raises:
            InvalidUrl, InvalidOption: one of them has a wrong value.
        """
        return cls(**options_from(environment))

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

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

    def connect(self, timeout: float) -> socket.socket:
        """Return a connection of its own, for a program that speaks HTTP itself.

        ``timeout`` bounds the attempt in seconds, and then each call of the socket. Raises OSError.
        """
        return self._transport.endpoint.connect(timeout)

    def queue(self, name: str) -> RemoteQueue:
        """Return the queue with this name, whether it exists or not. Nothing is sent."""
        return RemoteQueue(self._transport, name)

    def queues(self) -> dict[str, QueueStats]:
        """Return the statistics of all queues, by their names."""
        return decode(self._get("/queues"), Queues).queues

    def health(self) -> Health:
        """Return how the server is. Without a token that may observe, it tells of no queues."""
        return decode(self._get("/health"), Health)

    def close(self) -> None:
        """Close the connections. Calls raise ClientClosed afterwards; streams go on."""
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
