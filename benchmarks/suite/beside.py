"""HTTP while a WebSocket consumer is served at full speed: does the one starve the other?"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter

from benchmarks.figures import (
    ZOLDYQ,
    Benchmark,
    Measure,
    Probe,
    Stage,
    Target,
    WorkNotDone,
    expect,
    percentile,
)
from benchmarks.loads.raw import RawConnection, request_bytes
from benchmarks.payload import single
from benchmarks.servers.process import running
from benchmarks.servers.zoldyq import Server, zoldyq

_PAIR = "enqueue + dequeue over HTTP, {}"
_STREAM = "pushed over WebSocket meanwhile"
_STREAMING = f"{ZOLDYQ}, while streaming"
_QUIET = f"{ZOLDYQ}, nothing else to do"
_STOCK_A_SECOND = 1_500_000


def _pairs(server: Server, seconds: float) -> Iterator[Measure]:
    """Let one client enqueue and dequeue, each after the answer to the other."""
    enqueue = request_bytes("POST", "/queues/aside/enqueue", single())
    dequeue = request_bytes("GET", "/queues/aside/dequeue")
    taken = []
    with RawConnection(server.port) as client:
        until = perf_counter() + seconds
        while perf_counter() < until:
            start = perf_counter()
            client.ask(enqueue)
            client.ask(dequeue)
            taken.append(perf_counter() - start)
    for percent in (50, 99):
        yield Measure(_PAIR.format(f"p{percent}"), "ms", percentile(taken, percent) * 1000)


def _streaming(server: Server, seconds: float) -> Iterator[Measure]:
    """Measure pairs while another process swallows a stream that must outlast them."""
    stock = int(_STOCK_A_SECOND * (seconds + 0.5))
    server.empty("stream")
    server.fill("stream", stock)
    before = server.stats("stream")["dequeued_total"]
    with _swallower(server.port, "/queues/stream/dequeue"):
        first = server.stats("stream")["dequeued_total"]
        start = perf_counter()
        yield from _pairs(server, seconds)
        elapsed = perf_counter() - start
        after = server.stats("stream")
    expect(after["dequeued_total"] - before, 1, stock - 1, "messages streamed")
    yield Measure(_STREAM, "messages/s", (after["dequeued_total"] - first) / elapsed)


@contextmanager
def _swallower(port: int, path: str) -> Iterator[None]:
    """Run a client in another process, so that it does not delay the one that measures."""
    command = [sys.executable, "-m", "benchmarks.loads.swallow", str(port), path]
    with running(command) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise WorkNotDone("the WebSocket client received nothing")
        yield


def _prepare(stage: Stage) -> Iterable[Probe]:
    server = stage.enter_context(zoldyq())
    return [
        Probe(_QUIET, partial(_pairs, server)),
        Probe(_STREAMING, partial(_streaming, server)),
    ]


BENCHMARK = Benchmark(
    "beside",
    "HTTP beside a WebSocket stream at full speed",
    _prepare,
    [
        Target(
            "p99 of an enqueue + dequeue pair beside the stream",
            lambda results: results[_PAIR.format("p99"), _STREAMING],
            at_most=10,
        )
    ],
)
