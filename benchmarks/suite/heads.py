"""What real clients send: heads that differ from request to request, beside one that repeats.

Tracing adds a ``traceparent`` to each request, a proxy an id and where it came from, and bodies
have other lengths each time. The processor time a request is quoted first: it holds on a noisy
machine, where rates do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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
)
from benchmarks.loads.http import DequeueLoad, enqueue_load
from benchmarks.loads.wrk import Load, wrk
from benchmarks.payload import single
from benchmarks.peers.nginx import NGINX, Nginx, nginx
from benchmarks.servers.process import processor_seconds
from benchmarks.servers.zoldyq import Server, zoldyq

_CONNECTIONS = 8
_RATE = 120_000
#: Kinds of heads by what they are called: the one that repeats, and the one that differs.
_KINDS = {"with a traceparent": "traced", "through a proxy": "proxied"}
_BARE = "bare"
_MOST_TIMES = 1.3

_Run = Callable[[float], Load]


def _measures(work: str, pid: int, run: _Run, seconds: float) -> Iterator[Measure]:
    before = processor_seconds(pid)
    load = run(seconds)
    spent = processor_seconds(pid) - before
    yield Measure(f"{work}, processor time", "us/request", spent * 1e6 / load.requests)
    yield Measure(f"{work}, rate", "requests/s", load.rate)
    yield Measure(f"{work}, p99", "ms", load.p99)


def _works(server: Server) -> Iterator[tuple[str, str, _Run]]:
    """Yield the work, what its contender's name ends with, and how it runs."""
    dequeue = DequeueLoad(server, _RATE)
    for operation, load in (
        ("enqueue", partial(enqueue_load, server)),
        ("dequeue", dequeue.run),
    ):
        yield f"{operation}, few headers", "", partial(load, _CONNECTIONS)
        for name, kind in _KINDS.items():
            work = f"{operation}, {name}"
            yield work, "one head", partial(load, _CONNECTIONS, heads=f"{kind}-same")
            yield work, "heads differ", partial(load, _CONNECTIONS, heads=kind)


def _ceiling(server: Nginx, operation: str, seconds: float) -> Load:
    if operation == "dequeue":
        return wrk(server.url, ["/queues/bench/dequeue"], connections=_CONNECTIONS, seconds=seconds)
    return wrk(
        server.url,
        ["/queues/bench/enqueue"],
        connections=_CONNECTIONS,
        seconds=seconds,
        method="POST",
        body=single(),
        header="Content-Type: application/json",
    )


def _prepare(stage: Stage) -> Iterable[Probe]:
    server = stage.enter_context(zoldyq())
    for work, suffix, run in _works(server):
        name = f"{ZOLDYQ}, {suffix}" if suffix else ZOLDYQ
        yield Probe(name, partial(_measures, work, server.pid, run))
    if (peer := stage.optional(nginx)) is not None:
        for operation in ("enqueue", "dequeue"):
            work = f"{operation}, few headers"
            run = partial(_ceiling, peer, operation)
            yield Probe(NGINX, partial(_measures, work, peer.pid, run))


def _times_one_head(work: str) -> Callable[[Results], Series]:
    work = f"{work}, processor time"
    return lambda results: (
        results[work, f"{ZOLDYQ}, heads differ"] / results[work, f"{ZOLDYQ}, one head"]
    )


def _times_nginx(work: str) -> Callable[[Results], Series]:
    work = f"{work}, processor time"
    return lambda results: results[work, ZOLDYQ] / results[work, NGINX]


def _targets() -> Iterator[Target]:
    for operation in ("enqueue", "dequeue"):
        for name in _KINDS:
            work = f"{operation}, {name}"
            text = f"{work}, heads that differ against one that repeats"
            yield Target(text, _times_one_head(work), at_most=_MOST_TIMES)
        work = f"{operation}, few headers"
        yield Target(f"{work}, against {NGINX}", _times_nginx(work), at_most=1.35)


BENCHMARK = Benchmark("heads", "heads as real clients send them", _prepare, tuple(_targets()))
