"""Queues in Redis, beside queues in memory, Webdis, and Redis's own protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from benchmarks.figures import ZOLDYQ, Benchmark, Measure, Probe, Stage, Target, of, times
from benchmarks.loads.http import DequeueLoad, enqueue_load
from benchmarks.loads.wrk import wrk
from benchmarks.payload import single
from benchmarks.peers.redis import REDIS, RedisLoad, redis
from benchmarks.peers.webdis import WEBDIS, webdis
from benchmarks.servers.zoldyq import Server, zoldyq
from benchmarks.suite.wake import woken_across

OVER_REDIS = f"{ZOLDYQ} over Redis"
TWO = f"{OVER_REDIS}, two servers"
_CONNECTIONS = (8, 64)
_SIZES = (100, 1_000)
_ENQUEUE = "enqueue, {} connections"
_DEQUEUE = "dequeue, {} connections"
_IN = "in, batches of {}"
_OUT = "out, batches of {}"
_WOKEN = "from enqueue sent to message received, {}"
_UNIT = "messages/s"
#: Guesses at how many messages leave in a second, by the size of the batch.
_RATES = {1: 60_000, 100: 2_000_000, 1_000: 3_000_000}
_LONGEST_OUT = 1.0

Rate = Callable[[int, float], float]


class _Contender(NamedTuple):
    """``enqueue`` and ``dequeue`` take connections and seconds, and return messages a second."""

    name: str
    enqueue: Rate
    dequeue: Rate


def _server(name: str, server: Server) -> _Contender:
    dequeue = DequeueLoad(server, _RATES[1])
    return _Contender(
        name,
        lambda connections, seconds: enqueue_load(server, connections, seconds).rate,
        lambda connections, seconds: dequeue.run(connections, min(seconds, _LONGEST_OUT)).rate,
    )


def _contenders(stage: Stage, in_memory: Server, over_redis: Server) -> Iterator[_Contender]:
    yield _server(ZOLDYQ, in_memory)
    yield _server(OVER_REDIS, over_redis)
    if (peer := stage.optional(webdis)) is not None:
        yield _Contender(
            WEBDIS,
            lambda connections, seconds: peer.enqueue_load(connections, seconds).rate,
            lambda connections, seconds: peer.dequeue_load(connections, seconds).rate,
        )
    if (plain := stage.optional(redis)) is not None:
        load = RedisLoad(plain)
        yield _Contender(f"{REDIS}, own protocol", load.push, load.pop)


def _one_rate(work: str, rate: Rate, connections: int, seconds: float) -> Iterator[Measure]:
    yield Measure(work, _UNIT, rate(connections, seconds))


def _batches(server: Server, seconds: float) -> Iterator[Measure]:
    for size in _SIZES:
        load = enqueue_load(server, 8, seconds, count=size)
        yield Measure(_IN.format(size), _UNIT, load.rate * size)
        out = DequeueLoad(server, _RATES[size], size).run(8, min(seconds, _LONGEST_OUT))
        yield Measure(_OUT.format(size), _UNIT, out.rate * size)
    server.empty("bench")


def _together(servers: tuple[Server, Server], connections: int, seconds: float) -> float:
    """Enqueue at two servers into one queue; return the rate of both."""
    servers[0].empty("bench")
    load = partial(
        wrk,
        paths=["/queues/bench/enqueue"],
        connections=connections // 2,
        seconds=seconds,
        method="POST",
        body=single(),
        header="Content-Type: application/json",
    )
    with ThreadPoolExecutor() as pool:
        rates = pool.map(lambda server: load(server.url).rate, servers)
    return sum(rates)


def _woken(enqueued_at: Server, waited_at: Server, seconds: float) -> Iterator[Measure]:
    for name, value in woken_across(enqueued_at, waited_at, seconds).items():
        yield Measure(_WOKEN.format(name), "ms", value)


def _prepare(stage: Stage) -> Iterable[Probe]:
    behind = stage.enter_context(redis())
    flags = ("--backend", f"redis://127.0.0.1:{behind.port}")
    in_memory = stage.enter_context(zoldyq())
    one, other = (stage.enter_context(zoldyq(*flags)) for _ in range(2))
    contenders = list(_contenders(stage, in_memory, one))
    # Those that are compared take their turns right after each other.
    for count in _CONNECTIONS:
        for each in contenders:
            work = _ENQUEUE.format(count)
            yield Probe(each.name, partial(_one_rate, work, each.enqueue, count))
        both = partial(_one_rate, _ENQUEUE.format(count), partial(_together, (one, other)), count)
        yield Probe(TWO, both)
        for each in contenders:
            work = _DEQUEUE.format(count)
            yield Probe(each.name, partial(_one_rate, work, each.dequeue, count))
    for name, server in ((ZOLDYQ, in_memory), (OVER_REDIS, one)):
        yield Probe(name, partial(_batches, server))
    for name, pair in (
        (ZOLDYQ, (in_memory, in_memory)),
        (OVER_REDIS, (one, one)),
        (TWO, (other, one)),
    ):
        yield Probe(name, partial(_woken, *pair))


def _targets() -> Iterator[Target]:
    for work, rate in (
        (_ENQUEUE.format(8), 30_000),
        (_ENQUEUE.format(64), 38_000),
        (_DEQUEUE.format(8), 20_000),
        (_DEQUEUE.format(64), 38_000),
        *((pattern.format(size), 1_000_000) for size in _SIZES for pattern in (_IN, _OUT)),
    ):
        yield Target(work, of(work, OVER_REDIS), at_least=rate)
    both = _ENQUEUE.format(64)
    yield Target(
        "two servers at one queue, against one", times(both, TWO, base=OVER_REDIS), at_least=1
    )
    for name in (OVER_REDIS, TWO):
        for percent, bound in (("p50", 0.5), ("p99", 2.0)):
            work = _WOKEN.format(percent)
            yield Target(f"{work}, {name}", of(work, name), at_most=bound)


BENCHMARK = Benchmark("engine", "queues in Redis", _prepare, tuple(_targets()))
