"""WebSocket on one connection: messages pushed, and enqueues acknowledged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from time import perf_counter

from benchmarks.figures import ZOLDYQ, Benchmark, Measure, Probe, Stage, Target, expect, of
from benchmarks.loads.websocket import WebSocketConnection, text_frame
from benchmarks.payload import single
from benchmarks.servers.zoldyq import GUNICORN, Server, gunicorn, zoldyq

_PUSH = "push, one message a frame"
_PUSH_BATCHES = "push, up to 100 messages a frame"
_ENQUEUE = "enqueue, pipelined, each acknowledged"
_UNIT = "messages/s"
_QUEUE = "bench"
_FRAMES_AT_ONCE = 500
#: How many messages make about a second's work at first.
_FIRST_RATES = {_PUSH: 200_000.0, _PUSH_BATCHES: 500_000.0, _ENQUEUE: 50_000.0}


class _WebSocketLoad:
    """Measures by number, not by time: how many fill the time is learned as it goes on."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._rates = dict(_FIRST_RATES)

    def run(self, seconds: float) -> Iterator[Measure]:
        """Measure all three kinds of work."""
        for work, path in ((_PUSH, "dequeue"), (_PUSH_BATCHES, "dequeue?count=100")):
            count = int(self._rates[work] * seconds) + 1
            yield self._measure(work, count, self._push(path, count))
        bursts = int(self._rates[_ENQUEUE] * seconds / _FRAMES_AT_ONCE) + 1
        yield self._measure(_ENQUEUE, bursts * _FRAMES_AT_ONCE, self._enqueue(bursts))

    def _measure(self, work: str, count: int, seconds: float) -> Measure:
        self._rates[work] = count / seconds
        return Measure(work, _UNIT, count / seconds)

    def _push(self, path: str, count: int) -> float:
        """Receive so many messages that are queued; return the seconds it took."""
        self._server.empty(_QUEUE)
        self._server.fill(_QUEUE, count)
        before = self._server.stats(_QUEUE)["dequeued_total"]
        start = perf_counter()
        with closing(WebSocketConnection(self._server.port, f"/queues/{_QUEUE}/{path}")) as client:
            client.count(b'"enqueued_at"', count)
            elapsed = perf_counter() - start
            after = self._server.stats(_QUEUE)
        expect(after["dequeued_total"] - before, count, count, "messages pushed")
        expect(after["size"], 0, 0, "messages left over")
        return elapsed

    def _enqueue(self, bursts: int) -> float:
        """Send bursts of frames and receive an acknowledgement for each frame."""
        self._server.empty(_QUEUE)
        burst = text_frame(single()) * _FRAMES_AT_ONCE
        count = bursts * _FRAMES_AT_ONCE
        with closing(WebSocketConnection(self._server.port, f"/queues/{_QUEUE}/enqueue")) as client:
            start = perf_counter()
            client.send_while_counting(burst, bursts, b'"queued":true', count)
            elapsed = perf_counter() - start
        expect(self._server.stats(_QUEUE)["size"], count, count, "messages queued")
        return elapsed


def _prepare(stage: Stage) -> Iterable[Probe]:
    yield Probe(ZOLDYQ, _WebSocketLoad(stage.enter_context(zoldyq())).run)
    if (other := stage.optional(gunicorn)) is not None:
        yield Probe(GUNICORN, _WebSocketLoad(other).run)


BENCHMARK = Benchmark(
    "websocket",
    "WebSocket, one connection",
    _prepare,
    [
        Target(work, of(work), at_least=bound)
        for work, bound in ((_PUSH, 300_000), (_PUSH_BATCHES, 1_000_000), (_ENQUEUE, 80_000))
    ],
)
