"""All benchmarks, in the order in which they run."""

from __future__ import annotations

from benchmarks.figures import Benchmark
from benchmarks.suite import (
    batches,
    beside,
    clients,
    engine,
    growth,
    heads,
    inprocess,
    latency,
    memory,
    parked,
    queues,
    sessions,
    single,
    start,
    tls,
    wake,
    websocket,
)

BENCHMARKS: tuple[Benchmark, ...] = (
    inprocess.BENCHMARK,
    start.BENCHMARK,
    single.BENCHMARK,
    heads.BENCHMARK,
    latency.BENCHMARK,
    wake.BENCHMARK,
    batches.BENCHMARK,
    websocket.BENCHMARK,
    beside.BENCHMARK,
    memory.BENCHMARK,
    parked.BENCHMARK,
    engine.BENCHMARK,
    tls.BENCHMARK,
    sessions.BENCHMARK,
    queues.SCRAPES,
    queues.MANY,
    growth.QUEUES,
    growth.MESSAGES,
    growth.CONNECTIONS,
    clients.BENCHMARK,
)
