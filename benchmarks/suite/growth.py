"""Whether the cost of a request stays flat as queues, messages and connections grow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from benchmarks.figures import (
    ZOLDYQ,
    Benchmark,
    Measure,
    Probe,
    Results,
    Series,
    Stage,
    Target,
    expect,
)
from benchmarks.loads.http import enqueue_load
from benchmarks.loads.wrk import wrk
from benchmarks.payload import single
from benchmarks.peers.nginx import NGINX, nginx
from benchmarks.servers.zoldyq import Server, zoldyq

_CONNECTIONS = 8
_RATE = "enqueue and dequeue in turn"
_P99 = "enqueue and dequeue in turn, p99"
_ENQUEUE = "enqueue, {:,} connections"
#: At most this many times the cost, from the smallest to the largest.
_FLAT = 1.5

_QUEUE_COUNTS = (1, 10, 100)
_MESSAGE_COUNTS = (0, 100_000, 1_000_000)
_CONNECTION_COUNTS = (1, 8, 64, 500, 2_000)


def _in_turn(server: Server, queues: int, seconds: float) -> Iterator[Measure]:
    """Enqueue and dequeue in turn, so that the queues stay as long as they are."""
    names = [f"q{number % queues}" for number in range(max(_QUEUE_COUNTS))]
    paths = []
    for name in names:
        paths += [f"/queues/{name}/enqueue", f"GET /queues/{name}/dequeue"]
    enqueued, dequeued = server.total("enqueued_total"), server.total("dequeued_total")
    load = wrk(
        server.url,
        paths,
        connections=_CONNECTIONS,
        seconds=seconds,
        method="POST",
        body=single(),
        header="Content-Type: application/json",
    )
    half, around = load.requests // 2, _CONNECTIONS + 1
    enqueued = server.total("enqueued_total") - enqueued
    expect(enqueued, half - around, half + around, "messages enqueued")
    # With no stock a dequeue may come before the enqueue that was sent just ahead of it.
    dequeued = server.total("dequeued_total") - dequeued
    expect(dequeued, 0.9 * half, half + around, "messages dequeued")
    yield Measure(_RATE, "requests/s", load.rate)
    yield Measure(_P99, "ms", load.p99)


def _label(count: int, what: str) -> str:
    return f"{ZOLDYQ}, {count:,} {what}"


def _queues(stage: Stage) -> Iterable[Probe]:
    for count in _QUEUE_COUNTS:
        server = stage.enter_context(zoldyq())
        yield Probe(_label(count, "queues"), partial(_in_turn, server, count))


def _messages(stage: Stage) -> Iterable[Probe]:
    for count in _MESSAGE_COUNTS:
        server = stage.enter_context(zoldyq())
        server.fill("q0", count)
        yield Probe(_label(count, "messages queued"), partial(_in_turn, server, 1))


def _connections(stage: Stage) -> Iterable[Probe]:
    server = stage.enter_context(zoldyq())
    ceiling = stage.optional(nginx)
    for count in _CONNECTION_COUNTS:
        yield Probe(ZOLDYQ, partial(_zoldyq_rate, server, count))
        if ceiling is not None:
            yield Probe(NGINX, partial(_nginx_rate, ceiling.url, count))


def _zoldyq_rate(server: Server, connections: int, seconds: float) -> Iterator[Measure]:
    load = enqueue_load(server, connections, seconds)
    yield Measure(_ENQUEUE.format(connections), "requests/s", load.rate)


def _nginx_rate(url: str, connections: int, seconds: float) -> Iterator[Measure]:
    load = wrk(url, ["/"], connections=connections, seconds=seconds, method="POST", body=single())
    yield Measure(_ENQUEUE.format(connections), "requests/s", load.rate)


def _flat(counts: tuple[int, ...], what: str) -> Iterator[Target]:
    """Ask that neither the rate falls nor the latency grows from the first count to the last."""
    first, last = _label(counts[0], what), _label(counts[-1], what)
    span = f"from {counts[0]:,} to {counts[-1]:,} {what}"
    yield Target(
        f"the rate falls, {span}",
        lambda results: results[_RATE, first] / results[_RATE, last],
        at_most=_FLAT,
    )
    yield Target(
        f"p99 grows, {span}",
        lambda results: results[_P99, last] / results[_P99, first],
        at_most=_FLAT,
    )


def _against_nginx(results: Results) -> Series:
    """Compare how many times slower 2,000 connections are than 8, with the same for nginx."""
    few, many = _ENQUEUE.format(8), _ENQUEUE.format(2_000)
    lost = results[few, ZOLDYQ] / results[many, ZOLDYQ]
    return lost / (results[few, NGINX] / results[many, NGINX])


QUEUES = Benchmark(
    "growth-queues",
    "more queues",
    _queues,
    tuple(_flat(_QUEUE_COUNTS, "queues")),
)
MESSAGES = Benchmark(
    "growth-messages",
    "more messages queued",
    _messages,
    tuple(_flat(_MESSAGE_COUNTS, "messages queued")),
)
CONNECTIONS = Benchmark(
    "growth-connections",
    "more connections",
    _connections,
    [
        Target(
            "the rate falls from 8 to 2,000 connections, against what nginx loses",
            _against_nginx,
            at_most=_FLAT,
        )
    ],
)
