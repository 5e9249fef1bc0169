"""The two hot operations under load, with the messages counted afterwards."""

from __future__ import annotations

from benchmarks.figures import WorkNotDone, expect
from benchmarks.loads.wrk import Load, wrk
from benchmarks.payload import batch, lines, single
from benchmarks.servers.zoldyq import Server

_NDJSON = "application/x-ndjson"
_JSON = "application/json"
_QUEUE = "bench"
#: More messages than any measurement needs; beyond it something else is wrong.
_MOST = 100_000_000


def enqueue_load(
    server: Server,
    connections: int,
    seconds: float,
    *,
    count: int = 1,
    ndjson: bool = False,
    depth: int = 1,
    heads: str = "bare",
) -> Load:
    """Enqueue as fast as possible into a queue that is empty at first, ``count`` a request."""
    server.empty(_QUEUE)
    before = server.stats(_QUEUE)["enqueued_total"]
    many = lines if ndjson else batch
    load = wrk(
        server.url,
        [f"/queues/{_QUEUE}/enqueue"],
        connections=connections,
        seconds=seconds,
        method="POST",
        body=single() if count == 1 else many(count),
        header=f"Content-Type: {_NDJSON if ndjson else _JSON}",
        depth=depth,
        heads=heads,
    )
    queued = server.stats(_QUEUE)["enqueued_total"] - before
    _check(queued, load, count, connections * depth, "messages enqueued")
    return load


class DequeueLoad:
    """Dequeues as fast as possible from a queue that holds enough until the end.

    How much is enough shows: a measurement in which the queue ran empty is made again with more.
    """

    def __init__(self, server: Server, rate: int, count: int = 1) -> None:
        self._server = server
        self._rate = rate
        self._count = count

    def stock_up(self, seconds: float) -> None:
        """Queue what so many seconds need, before what the server takes for its work is noted."""
        self._server.top_up(_QUEUE, self._stock(seconds))

    def _stock(self, seconds: float) -> int:
        return int(self._rate * max(round(seconds), 1))

    def run(
        self,
        connections: int,
        seconds: float,
        *,
        ndjson: bool = False,
        depth: int = 1,
        heads: str = "bare",
    ) -> Load:
        """Dequeue up to ``count`` messages a request."""
        while (stock := self._stock(seconds)) < _MOST:
            self._server.top_up(_QUEUE, stock)
            load = self._attempt(connections, seconds, ndjson, depth, heads)
            if load is not None:
                return load
            self._rate *= 3
        raise WorkNotDone(f"{stock:,} messages were not enough")

    def _attempt(
        self, connections: int, seconds: float, ndjson: bool, depth: int, heads: str
    ) -> Load | None:
        before = self._server.stats(_QUEUE)["dequeued_total"]
        many = f"?count={self._count}" if self._count > 1 else ""
        load = wrk(
            self._server.url,
            [f"/queues/{_QUEUE}/dequeue{many}"],
            connections=connections,
            seconds=seconds,
            header=f"Accept: {_NDJSON if ndjson else _JSON}",
            depth=depth,
            heads=heads,
        )
        after = self._server.stats(_QUEUE)
        if not after["size"]:
            return None
        taken = after["dequeued_total"] - before
        _check(taken, load, self._count, connections * depth, "messages dequeued")
        return load


def _check(messages: int, load: Load, count: int, in_flight: int, what: str) -> None:
    """Compare the server's count with the requests that were answered.

    When time is up wrk leaves; the request that each connection had sent by then may have been
    carried out or not.
    """
    expect(messages, load.requests * count, (load.requests + in_flight) * count, what)
