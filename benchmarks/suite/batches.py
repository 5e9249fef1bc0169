"""Many messages a request, beside the variadic commands of Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from benchmarks.figures import (
    ZOLDYQ,
    Benchmark,
    Measure,
    Probe,
    Results,
    Series,
    Stage,
    Target,
)
from benchmarks.loads.http import DequeueLoad, enqueue_load
from benchmarks.peers.redis import REDIS, Redis, RedisLoad, redis
from benchmarks.servers.zoldyq import Server, zoldyq

_CONNECTIONS = 8
_SIZES = (100, 1_000)
_IN = "in, batches of {}"
_OUT = "out, batches of {}"
_NDJSON = f"{ZOLDYQ}, lines of JSON"
_UNIT = "messages/s"
#: A guess at how many messages a second leave, by the size of the batch.
_RATES = {100: 5_000_000, 1_000: 8_000_000}
#: What leaves must have been queued before: a gigabyte and more for each second.
_MOST_SECONDS = 1.0


def _server_probe(name: str, server: Server, *, ndjson: bool) -> Probe:
    dequeues = {size: DequeueLoad(server, _RATES[size], size) for size in _SIZES}

    def run(seconds: float) -> Iterator[Measure]:
        for size in _SIZES:
            load = enqueue_load(server, _CONNECTIONS, seconds, count=size, ndjson=ndjson)
            yield Measure(_IN.format(size), _UNIT, load.rate * size)
        for size in _SIZES:
            load = dequeues[size].run(_CONNECTIONS, min(seconds, _MOST_SECONDS), ndjson=ndjson)
            yield Measure(_OUT.format(size), _UNIT, load.rate * size)
        server.empty("bench")

    return Probe(name, run)


def _redis_probe(redis: Redis, name: str, depth: int, sizes: Sequence[int]) -> Probe:
    loads = {size: RedisLoad(redis, count=size, depth=depth) for size in sizes}

    def run(seconds: float) -> Iterator[Measure]:
        for size, load in loads.items():
            yield Measure(_IN.format(size), _UNIT, load.push(_CONNECTIONS, seconds))
            out = load.pop(_CONNECTIONS, min(seconds, _MOST_SECONDS))
            yield Measure(_OUT.format(size), _UNIT, out)
        redis.empty()

    return Probe(name, run)


def _prepare(stage: Stage) -> Iterable[Probe]:
    server = stage.enter_context(zoldyq())
    yield _server_probe(ZOLDYQ, server, ndjson=False)
    yield _server_probe(_NDJSON, server, ndjson=True)
    if (peer := stage.optional(redis)) is not None:
        yield _redis_probe(peer, REDIS, 1, _SIZES)
        yield _redis_probe(peer, f"{REDIS}, 16 pipelined", 16, [100])


def _against_redis(work: str, redis_work: str) -> Callable[[Results], Series]:
    """Compare with the best round of what Redis does without pipelining."""
    return lambda results: results[work, ZOLDYQ] / results[redis_work, REDIS].high


def _targets() -> Iterator[Target]:
    for pattern, bounds in ((_IN, (0.5, 0.9)), (_OUT, (0.6, 1.2))):
        for size, bound in zip(_SIZES, bounds, strict=True):
            work = pattern.format(size)
            yield Target(
                f"{work}, against the best round of Redis with batches of 100",
                _against_redis(work, pattern.format(100)),
                at_least=bound,
            )


BENCHMARK = Benchmark(
    "batches", "many messages a request, 8 connections", _prepare, tuple(_targets())
)
