"""Load for a server: requests over and over, on several connections at once.

One thread and one selector, because threads of Python would measure each other. Each connection
has one request on its way, and each reply is timed.
"""

from __future__ import annotations

import socket
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from selectors import EVENT_READ, DefaultSelector
from time import perf_counter

import httptools
import msgspec

# How long no connection may have a reply before the run is given up, in seconds.
_SILENCE_SECONDS = 10.0
_READ_BYTES = 1 << 18
_OFTEN = 0.05

Connect = Callable[[], socket.socket]


class Reply(msgspec.Struct, frozen=True):
    """A reply: its status, its body if asked for, and how long it took in seconds."""

    status: int
    body: bytes
    latency: float


class Result(msgspec.Struct):
    """What a run measured. ``latencies`` are in seconds, one for each reply."""

    elapsed: float = 0.0
    latencies: array[float] = msgspec.field(default_factory=lambda: array("d"))
    refused: int = 0
    complete: bool = False

    @property
    def rate(self) -> float:
        """Replies a second."""
        return len(self.latencies) / self.elapsed if self.elapsed else 0.0

    def percentile(self, percent: float) -> float:
        """Return the latency in seconds that this part of the replies did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)] if ordered else 0.0


class Lane:
    """A connection that sends one request after the other.

    ``next_request`` returns the bytes of the next one, or None if there is no more.
    ``on_reply`` is told of each reply; it gets the body if ``with_body`` is set.
    """

    def __init__(
        self,
        connect: Connect,
        next_request: Callable[[], bytes | None],
        on_reply: Callable[[Reply], None],
        *,
        with_body: bool = False,
    ) -> None:
        self.socket = connect()
        self.busy = False
        self._next_request = next_request
        self._on_reply = on_reply
        self._sent_at = 0.0
        self._body: list[bytes] = []
        self._whole = False
        if with_body:
            self.on_body = self._body.append  # called by the parser, which looks for it now
        self._parser = httptools.HttpResponseParser(self)

    def send(self) -> None:
        """Send the next request, if there is one."""
        request = self._next_request()
        self.busy = request is not None
        if request is not None:
            self._sent_at = perf_counter()
            self.socket.sendall(request)

    def receive(self) -> None:
        """Read, and send the next request once the reply is complete."""
        data = self.socket.recv(_READ_BYTES)
        if not data:
            raise ConnectionResetError("the server closed a connection")
        self._parser.feed_data(data)
        if not self._whole:
            return
        self._whole = False
        body = b"".join(self._body)
        self._body.clear()
        status = self._parser.get_status_code()
        self._on_reply(Reply(status, body, perf_counter() - self._sent_at))
        self.send()

    def on_message_complete(self) -> None:
        """Note that the reply is complete; called by the parser."""
        self._whole = True

    def __enter__(self) -> Lane:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def drive(lanes: Sequence[Lane], on_time: Callable[[], None]) -> float:
    """Send on all lanes until none has a request, and return how many seconds that took.

    ``on_time`` is called several times a second.

    Raises:
        OSError: a connection broke, or there was no reply for long.
    """
    with ExitStack() as stack:
        selector = stack.enter_context(DefaultSelector())
        for lane in lanes:
            stack.enter_context(lane)
            selector.register(lane.socket, EVENT_READ, lane)
        began = shown = perf_counter()
        for lane in lanes:
            lane.send()
        while any(lane.busy for lane in lanes):
            for lane in _ready(selector):
                lane.receive()
            if (now := perf_counter()) - shown > _OFTEN:
                shown = now
                on_time()
        return perf_counter() - began


def _ready(selector: DefaultSelector) -> Iterator[Lane]:
    found = selector.select(_SILENCE_SECONDS)
    if not found:
        raise TimeoutError(f"no reply for {_SILENCE_SECONDS:.0f} s")
    for key, _ in found:
        yield key.data
