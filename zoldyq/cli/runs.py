"""The runs of a benchmark: enqueue, dequeue, and end to end.

Each returns a :class:`~zoldyq.cli.load.Result`, incomplete if Ctrl-C ended it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter, perf_counter_ns
from typing import TYPE_CHECKING

import msgspec

from zoldyq.cli.load import Lane, Reply, Result, drive
from zoldyq.cli.progress import Progress

if TYPE_CHECKING:
    from zoldyq.client import Client

_CONNECT_SECONDS = 5.0
# How long a dequeue of the run from end to end waits for a message, in seconds.
_WAIT_SECONDS = 0.2
# A message from end to end begins with the time it was sent, in this many digits.
_STAMP_DIGITS = 19
_STAMP = re.compile(rb'"payload":"(\d{19})')

#: The smallest message that has room for its time, in bytes of JSON.
SMALLEST_STAMPED = _STAMP_DIGITS + 2


class Load(msgspec.Struct, frozen=True):
    """What to send: ``requests`` of each kind, or as many as fit into ``duration`` seconds."""

    connections: int
    batch: int
    size: int
    requests: int | None
    duration: float | None


class Runner:
    """Runs load against one queue."""

    def __init__(self, client: Client, queue_name: str, load: Load) -> None:
        self._client = client
        self._name = queue_name
        self._load = load

    def enqueue(self) -> Result:
        """Send messages, and measure the requests."""
        payload = b'"%b"' % (b"x" * (self._load.size - 2))
        request = self._request("POST", "enqueue", _body([payload] * self._load.batch))
        return self._repeat("enqueue", request, self._load.requests, self._load.duration)

    def dequeue(self, requests: int) -> Result:
        """Take as many batches as were sent, and measure the requests."""
        count = f"?count={self._load.batch}" if self._load.batch > 1 else ""
        return self._repeat("dequeue", self._request("GET", f"dequeue{count}"), requests, None)

    def end_to_end(self) -> Result:
        """Send on some connections and take on others, and measure from the one to the other."""
        result = Result()
        ask = self._request("GET", f"dequeue?count={self._load.batch}&timeout={_WAIT_SECONDS}")
        flow = _Flow(result, self._load, self._stamped_request, ask)
        with _until_interrupted(result), self._progress("end to end", result) as show:
            # The takers come first: they wait when the first message is sent.
            lanes = [
                self._lane(flow.next_dequeue, flow.arrived, with_body=True)
                for _ in self._each_connection()
            ]
            lanes += [self._lane(flow.next_enqueue, flow.accepted) for _ in self._each_connection()]
            began = perf_counter()
            drive(lanes, show)
            result.elapsed = max(flow.last - began, 0.0)
        return result

    # -- helpers -----------------------------------------------------------------------------

    def _repeat(
        self, label: str, request: bytes, requests: int | None, duration: float | None
    ) -> Result:
        result = Result()
        more = _Countdown(requests, duration)

        def replied(reply: Reply) -> None:
            result.latencies.append(reply.latency)
            result.refused += not 200 <= reply.status < 300

        with _until_interrupted(result), self._progress(label, result, requests) as show:
            lanes = [
                self._lane(lambda: request if more() else None, replied)
                for _ in self._each_connection()
            ]
            result.elapsed = drive(lanes, show)
        return result

    def _each_connection(self) -> range:
        requests = self._load.requests
        connections = self._load.connections
        return range(connections if requests is None else min(connections, requests))

    def _lane(
        self,
        next_request: Callable[[], bytes | None],
        on_reply: Callable[[Reply], None],
        *,
        with_body: bool = False,
    ) -> Lane:
        return Lane(
            lambda: self._client.connect(_CONNECT_SECONDS),
            next_request,
            on_reply,
            with_body=with_body,
        )

    @contextmanager
    def _progress(
        self, label: str, result: Result, total: int | None = None
    ) -> Iterator[Callable[[], None]]:
        with Progress(label, total) as progress:
            yield lambda: progress.show(len(result.latencies))

    def _stamped_request(self) -> bytes:
        """Return an enqueue of messages that tell when they were sent."""
        filling = b"x" * (self._load.size - SMALLEST_STAMPED)
        stamp = b'"%0*d%b"' % (_STAMP_DIGITS, perf_counter_ns(), filling)
        return self._request("POST", "enqueue", _body([stamp] * self._load.batch))

    def _request(self, method: str, verb: str, body: bytes = b"") -> bytes:
        address = self._client.address
        headers = {"Host": address.authority, **self._client.headers}
        if body:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        target = address.target(f"/queues/{self._name}/{verb}")
        lines = [f"{method} {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body


class _Countdown:
    """Tells whether there is one more request to send: by their number, or by the time."""

    def __init__(self, requests: int | None, duration: float | None) -> None:
        self._requests = math.inf if requests is None else requests
        self._end = math.inf if duration is None else perf_counter() + duration

    @property
    def left(self) -> bool:
        """Whether there is one; does not count it."""
        return self._requests > 0 and perf_counter() < self._end

    def __call__(self) -> bool:
        if not self.left:
            return False
        self._requests -= 1
        return True


class _Flow:
    """Messages on their way from the connections that send to those that take."""

    def __init__(
        self, result: Result, load: Load, make_enqueue: Callable[[], bytes], dequeue: bytes
    ) -> None:
        self.last = 0.0  # when the last message arrived, by perf_counter
        self._result = result
        self._batch = load.batch
        self._make_enqueue = make_enqueue
        self._dequeue = dequeue
        self._more = _Countdown(load.requests, load.duration)
        self._sending = 0  # requests without a reply
        self._owed = 0  # messages that were accepted and have not arrived

    def next_enqueue(self) -> bytes | None:
        if not self._more():
            return None
        self._sending += 1
        return self._make_enqueue()

    def accepted(self, reply: Reply) -> None:
        self._sending -= 1
        if 200 <= reply.status < 300:
            self._owed += self._batch
        else:
            self._result.refused += 1

    def next_dequeue(self) -> bytes | None:
        return self._dequeue if self._more.left or self._sending or self._owed > 0 else None

    def arrived(self, reply: Reply) -> None:
        now = perf_counter_ns()
        stamps = _STAMP.findall(reply.body)
        if stamps:
            self.last = now / 1e9
        self._owed -= len(stamps)
        self._result.latencies.extend((now - int(stamp)) / 1e9 for stamp in stamps)


@contextmanager
def _until_interrupted(result: Result) -> Iterator[None]:
    """Let Ctrl-C end a run early."""
    began = perf_counter()
    try:
        yield
        result.complete = True
    except KeyboardInterrupt:
        result.elapsed = perf_counter() - began


def _body(payloads: list[bytes]) -> bytes:
    if len(payloads) == 1:
        return b'{"payload":%b}' % payloads[0]
    return b'{"payloads":[%b]}' % b",".join(payloads)
