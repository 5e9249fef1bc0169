"""Who waits for a queue: requests that stand in its lines, wherever the queue is kept."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping
from functools import partial
from time import perf_counter
from typing import Any, Literal, NamedTuple

from zoldyq.queue import Wake

#: What a client does: requests that wait, and WebSocket sessions.
Kind = Literal["enqueue", "dequeue", "stream_in", "stream_out"]


class Client(NamedTuple):
    """A client of a queue. ``address`` is None where it is not known, as on a Unix socket.

    ``began`` is when its request came or its stream was opened, by :func:`time.perf_counter`.
    """

    queue: str
    kind: Kind
    address: str | None
    began: float

    @property
    def seconds(self) -> float:
        """For how long it has waited, or its stream has been open."""
        return perf_counter() - self.began


class Waiting:
    """The requests of this process that stand in a line now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the field below
        self._clients: dict[Hashable, Client] = {}

    def enter(self, wait: Hashable, client: Client) -> None:
        """Note that a request stands in line."""
        with self._lock:
            self._clients[wait] = client

    def leave(self, wait: Hashable) -> None:
        """Note that it does no longer. May be called more than once."""
        with self._lock:
            self._clients.pop(wait, None)

    def of(self, queue: str) -> list[Client]:
        """Return who waits for a queue."""
        with self._lock:
            clients = list(self._clients.values())
        return [client for client in clients if client.queue == queue]


def address_of(wake: Wake) -> str | None:
    """Return the address of the client that a wake-up is for, None where it is not known.

    It is the ``peer`` of what the wake-up is bound to: a connection of the native server, or a
    bell of a request on a thread.
    """
    owner = wake.args[0] if isinstance(wake, partial) else getattr(wake, "__self__", None)
    return address_text(getattr(owner, "peer", None))


def peer_of(environ: Mapping[str, Any]) -> tuple[str, int]:
    """Return who sent a request, by its WSGI environment."""
    port = str(environ.get("REMOTE_PORT") or "")
    # Of a Unix socket waitress says "None".
    return environ.get("REMOTE_ADDR") or "", int(port) if port.isdecimal() else 0


def address_text(peer: tuple[str, int] | None) -> str | None:
    """Write an address with its port, as in ``192.0.2.1:4711`` or ``[2001:db8::1]:4711``."""
    if peer is None or not peer[0]:
        return None
    host, port = peer
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
