"""How long a request takes: at full load, and alone on the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from time import perf_counter

from benchmarks.figures import (
    ZOLDYQ,
    Benchmark,
    Measure,
    Probe,
    Stage,
    Target,
    of,
    percentile,
)
from benchmarks.loads.http import DequeueLoad, enqueue_load
from benchmarks.loads.raw import RawConnection, request_bytes
from benchmarks.loads.wrk import Load
from benchmarks.payload import single
from benchmarks.peers.webdis import WEBDIS, webdis
from benchmarks.servers.zoldyq import GUNICORN, WAITRESS, Server, gunicorn, waitress, zoldyq

_CONNECTIONS = 8
_RATE = 120_000
_WORK = "{} at full load, 8 connections, {}"
_ALONE = "{} by one client, {}"
_SHOWN = ((50, "p50"), (99, "p99"), (99.9, "p99.9"))


def _at_full_load(
    enqueue: Callable[[int, float], Load], dequeue: Callable[[int, float], Load], seconds: float
) -> Iterator[Measure]:
    for operation, load in (
        ("enqueue", enqueue(_CONNECTIONS, seconds)),
        ("dequeue", dequeue(_CONNECTIONS, seconds)),
    ):
        for name, value in (("p50", load.p50), ("p99", load.p99), ("p99.9", load.p999)):
            yield Measure(_WORK.format(operation, name), "ms", value)


def _alone(server: Server, seconds: float) -> Iterator[Measure]:
    """Let one client enqueue and dequeue in turn, each request after the answer to the last."""
    requests = {
        "enqueue": request_bytes("POST", "/queues/alone/enqueue", single()),
        "dequeue": request_bytes("GET", "/queues/alone/dequeue"),
    }
    taken: dict[str, list[float]] = {operation: [] for operation in requests}
    with RawConnection(server.port) as client:
        until = perf_counter() + seconds
        while perf_counter() < until:
            for operation, request in requests.items():
                start = perf_counter()
                client.ask(request)
                taken[operation].append(perf_counter() - start)
    for operation, times in taken.items():
        for percent, name in _SHOWN:
            work = _ALONE.format(operation, name)
            yield Measure(work, "ms", percentile(times, percent) * 1000)


def _server_probe(name: str, server: Server) -> Probe:
    dequeue = DequeueLoad(server, _RATE)

    def run(seconds: float) -> Iterator[Measure]:
        yield from _at_full_load(partial(enqueue_load, server), dequeue.run, seconds)
        yield from _alone(server, seconds)

    return Probe(name, run)


def _prepare(stage: Stage) -> Iterable[Probe]:
    yield _server_probe(ZOLDYQ, stage.enter_context(zoldyq()))
    if (peer := stage.optional(webdis)) is not None:
        yield Probe(WEBDIS, partial(_at_full_load, peer.enqueue_load, peer.dequeue_load))
    for name, start in ((WAITRESS, waitress), (GUNICORN, gunicorn)):
        if (other := stage.optional(start)) is not None:
            yield _server_probe(name, other)


BENCHMARK = Benchmark(
    "latency",
    "how long a request takes",
    _prepare,
    [
        Target(work, of(work), at_most=1)
        for operation in ("enqueue", "dequeue")
        for work in (_WORK.format(operation, "p99"),)
    ],
)
