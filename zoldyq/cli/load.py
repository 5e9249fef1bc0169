"""Load for a server: the same request over and over, on several connections at once.

One thread and one selector, because threads of Python would measure each other. Each connection
has one request on its way, and each reply is timed.
"""

from __future__ import annotations

import socket
import ssl
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from selectors import EVENT_READ, DefaultSelector
from time import perf_counter

import httptools
import msgspec

# How long no connection may have a reply before the run is given up, in seconds.
_SILENCE_SECONDS = 10.0
_CONNECT_SECONDS = 5.0
_READ_BYTES = 1 << 18


class Target(msgspec.Struct, frozen=True):
    """Where to connect to."""

    host: str
    port: int
    secure: bool


class Result(msgspec.Struct):
    """What a run measured. ``latencies`` are in seconds, one for each reply."""

    elapsed: float
    latencies: array[float]
    refused: int
    complete: bool

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.elapsed if self.elapsed else 0.0

    def percentile(self, percent: float) -> float:
        """Return the latency in seconds that this part of the replies did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)] if ordered else 0.0


def run(
    target: Target,
    request: bytes,
    requests: int,
    connections: int,
    on_progress: Callable[[int], None],
) -> Result:
    """Send a request so many times and return what was measured.

    ``on_progress`` is told how many replies have come. Ctrl-C ends the run early.

    Raises:
        OSError: a connection could not be made, or broke.
    """
    result = Result(0.0, array("d"), 0, complete=False)
    with ExitStack() as stack:
        selector = stack.enter_context(DefaultSelector())
        opened = [
            stack.enter_context(_Connection(target, request))
            for _ in range(min(connections, requests))
        ]
        for connection in opened:
            selector.register(connection.socket, EVENT_READ, connection)
        began = perf_counter()
        try:
            _drive(selector, opened, requests, result, on_progress)
            result.complete = True
        except KeyboardInterrupt:
            pass
        result.elapsed = perf_counter() - began
    return result


def _drive(
    selector: DefaultSelector,
    connections: list[_Connection],
    requests: int,
    result: Result,
    on_progress: Callable[[int], None],
) -> None:
    unsent = requests - len(connections)
    for connection in connections:
        connection.send()
    while len(result.latencies) < requests:
        for connection in _ready(selector):
            status = connection.receive()
            if status is None:
                continue
            result.latencies.append(perf_counter() - connection.sent_at)
            result.refused += not 200 <= status < 300
            if unsent:
                unsent -= 1
                connection.send()
        on_progress(len(result.latencies))


def _ready(selector: DefaultSelector) -> Iterator[_Connection]:
    found = selector.select(_SILENCE_SECONDS)
    if not found:
        raise TimeoutError(f"no reply for {_SILENCE_SECONDS:.0f} s")
    for key, _ in found:
        yield key.data


class _Connection:
    """A connection with one request on its way."""

    def __init__(self, target: Target, request: bytes) -> None:
        self.socket = _connect(target)
        self.sent_at = 0.0
        self._request = request
        self._parser = httptools.HttpResponseParser(self)
        self._status: int | None = None

    def send(self) -> None:
        """Send the request."""
        self.sent_at = perf_counter()
        self._status = None
        self.socket.sendall(self._request)

    def receive(self) -> int | None:
        """Read, and return the status once the reply is here whole."""
        data = self.socket.recv(_READ_BYTES)
        if not data:
            raise ConnectionResetError("the server closed a connection")
        self._parser.feed_data(data)
        return self._status

    def on_message_complete(self) -> None:
        """Take note of a whole reply; called by the parser."""
        self._status = self._parser.get_status_code()

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def _connect(target: Target) -> socket.socket:
    # A time-out and no non-blocking mode: a request is small enough to be sent at once, and TLS
    # may need several reads for one record.
    sock = socket.create_connection((target.host, target.port), _CONNECT_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if target.secure:
        return ssl.create_default_context().wrap_socket(sock, server_hostname=target.host)
    return sock
