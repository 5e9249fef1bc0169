"""Four thousand WebSocket streams in one process: what they cost, whom they slow down, and how they
end when all of them leave at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.figures import ZOLDYQ, Benchmark, Measure, Probe, Stage, Target, WorkNotDone, of
from benchmarks.loads.beside import timed_beside
from benchmarks.loads.http import enqueue_load
from benchmarks.loads.raw import RawConnection, request_bytes
from benchmarks.loads.websocket import WebSocketConnection
from benchmarks.payload import single
from benchmarks.servers.process import allow_descriptors
from benchmarks.servers.zoldyq import Server, zoldyq

_STREAMS = 4_000
_CONNECTIONS = 8
_THREADS = "threads for each"
_EACH = "memory for each"
_RATE = "enqueue to another queue, 8 connections"
_P99 = f"{_RATE}, p99"
_LONGEST = "the longest request while all end at once"
_ALL_ENDED = "from the end of their clients to the end of the last"
_ALONE = f"{ZOLDYQ}, no stream"
_END_SECONDS = 60.0
_FIRST_REQUESTS = 100


def _enqueue(server: Server, seconds: float) -> Iterator[Measure]:
    load = enqueue_load(server, _CONNECTIONS, seconds)
    yield Measure(_RATE, "messages/s", load.rate)
    yield Measure(_P99, "ms", load.p99)


def _beside_streams(seconds: float) -> Iterator[Measure]:
    with zoldyq("--max-websockets", str(_STREAMS)) as server:
        server.fill("bench", 1)
        threads, memory = _threads(server), server.memory
        streams = [
            WebSocketConnection(server.port, "/queues/streamed/dequeue") for _ in range(_STREAMS)
        ]
        try:
            _await(lambda: _threads(server) - threads >= _STREAMS, "streams begin")
            yield Measure(_THREADS, "threads", (_threads(server) - threads) / _STREAMS)
            yield Measure(_EACH, "bytes", (server.memory - memory) / _STREAMS)
            yield from _enqueue(server, seconds)
            yield from _end(server, streams, threads)
        finally:
            for stream in streams:
                stream.close()


def _end(server: Server, streams: list[WebSocketConnection], threads: int) -> Iterator[Measure]:
    """Hang up all streams, and measure requests of another client meanwhile."""
    request = request_bytes("POST", "/queues/aside/enqueue", single())
    with RawConnection(server.port) as client, timed_beside(partial(client.ask, request)) as taken:
        _await(lambda: len(taken) > _FIRST_REQUESTS, "requests beside the streams")
        taken.clear()
        began = time.perf_counter()
        for stream in streams:
            stream.close()
        _await(lambda: _threads(server) <= threads + 1, "streams end")
        yield Measure(_ALL_ENDED, "s", time.perf_counter() - began)
    yield Measure(_LONGEST, "ms", max(taken) * 1000)


def _threads(server: Server) -> int:
    return len(list(Path(f"/proc/{server.pid}/task").iterdir()))


def _await(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _END_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise WorkNotDone(f"{what}: not within {_END_SECONDS:g} seconds")
        time.sleep(0.01)


def _prepare(stage: Stage) -> Iterable[Probe]:
    allow_descriptors(_STREAMS + 200)
    alone = stage.enter_context(zoldyq())
    return [Probe(_ALONE, partial(_enqueue, alone)), Probe(ZOLDYQ, _beside_streams)]


BENCHMARK = Benchmark(
    "sessions",
    f"{_STREAMS:,} WebSocket streams in one process",
    _prepare,
    [
        Target(_THREADS, of(_THREADS), at_most=1),
        Target(_EACH, of(_EACH), at_most=40_960),
        Target(
            f"{_RATE}, against no stream",
            lambda results: results[_RATE, ZOLDYQ] / results[_RATE, _ALONE],
            at_least=0.8,
        ),
        Target(_LONGEST, of(_LONGEST), at_most=100),
    ],
)
