"""Ten thousand consumers that wait: what they cost, and whom they slow down."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial

from benchmarks.figures import (
    ZOLDYQ,
    Benchmark,
    Measure,
    Probe,
    Stage,
    Target,
    WorkNotDone,
    of,
)
from benchmarks.loads.http import enqueue_load
from benchmarks.loads.raw import RawConnection, request_bytes
from benchmarks.servers.process import allow_descriptors
from benchmarks.servers.zoldyq import Server, zoldyq

_CONSUMERS = 10_000
_CONNECTIONS = 8
_EACH = "memory for each"
_ENQUEUE = "enqueue to another queue, 8 connections"
_ALONE = f"{ZOLDYQ}, none waiting"
_PARKED_SECONDS = 60.0


def _park(stack: ExitStack, server: Server) -> float:
    """Have consumers wait until the stack is closed; return the bytes that each takes."""
    dequeue = request_bytes("GET", "/queues/parked/dequeue?timeout=3600")
    server.stats("parked")
    before = server.memory
    # Somebody has to use the name once, or the server shows nothing of those who wait for it.
    server.fill("parked", 1)
    for _ in range(_CONSUMERS + 1):
        stack.enter_context(RawConnection(server.port)).sock.sendall(dequeue)
    deadline = time.monotonic() + _PARKED_SECONDS
    while server.stats("parked")["waiting_consumers"] < _CONSUMERS:
        if time.monotonic() > deadline:
            raise WorkNotDone(f"{server.stats('parked')} is all that waits")
        time.sleep(0.05)
    return (server.memory - before) / _CONSUMERS


def _enqueue(server: Server, seconds: float) -> Iterator[Measure]:
    load = enqueue_load(server, _CONNECTIONS, seconds)
    yield Measure(_ENQUEUE, "messages/s", load.rate)


def _prepare(stage: Stage) -> Iterable[Probe]:
    allow_descriptors(_CONSUMERS + 200)
    alone = stage.enter_context(zoldyq())
    return [Probe(_ALONE, partial(_enqueue, alone)), Probe(ZOLDYQ, _beside_parked)]


def _beside_parked(seconds: float) -> Iterator[Measure]:
    with zoldyq() as server, ExitStack() as consumers:
        yield Measure(_EACH, "bytes", _park(consumers, server))
        yield from _enqueue(server, seconds)


BENCHMARK = Benchmark(
    "parked",
    f"{_CONSUMERS:,} consumers that wait",
    _prepare,
    [
        Target(_EACH, of(_EACH), at_most=4096),
        Target(
            f"{_ENQUEUE}, against none waiting",
            lambda results: results[_ENQUEUE, ZOLDYQ] / results[_ENQUEUE, _ALONE],
            at_least=0.8,
        ),
    ],
)
