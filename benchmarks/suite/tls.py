"""HTTP over TLS: beside the same server in plain text, and beside nginx as TLS proxy before it.

The processor time a request counts all processes that serve it: behind nginx that is nginx and
ZoldyQ. It is quoted first, because it holds on a noisy machine, where rates do not.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.figures import (
    ZOLDYQ,
    Benchmark,
    Measure,
    Probe,
    Results,
    Series,
    Stage,
    Target,
    WorkNotDone,
    of,
)
from benchmarks.loads.http import DequeueLoad, enqueue_load
from benchmarks.loads.raw import RawConnection, request_bytes
from benchmarks.loads.wrk import Load
from benchmarks.peers.nginx import Nginx, nginx_tls
from benchmarks.servers.certificate import certificate, context_of
from benchmarks.servers.process import processor_seconds
from benchmarks.servers.zoldyq import Server, zoldyq

_TLS = f"{ZOLDYQ}, TLS"
_PROXY = f"nginx with TLS before {ZOLDYQ}"
_CONNECTIONS = 8
_BATCH = 1_000
_CONSUMERS = 2_000
_PARKED_SECONDS = 60.0
#: Guesses at how many messages a second leave, by the size of a batch.
_RATES = {1: 60_000, _BATCH: 6_000_000}
#: What leaves must have been queued before.
_MOST_SECONDS = 1.0
_SINGLE = ("enqueue", "dequeue")
_BATCHES = (f"in, batches of {_BATCH:,}", f"out, batches of {_BATCH:,}")
_NEW = "new connection, one request"
_EACH = "memory for each consumer that waits"
_RATE, _TIME = "{}, rate", "{}, processor time"


class _Behind(Server):
    """A server behind a proxy: load goes to the proxy, questions to the server itself."""

    def __init__(self, server: Server, proxy: Nginx) -> None:
        super().__init__(_PROXY, server.port, server.pid)
        self._proxy = proxy

    @property
    def url(self) -> str:
        return self._proxy.url


@dataclass(frozen=True)
class _Contender:
    """A server, the port and the context for new connections, and the processes that serve."""

    server: Server
    port: int
    context: ssl.SSLContext | None
    pids: tuple[int, ...]

    @property
    def spent(self) -> float:
        """The processor time that its processes have taken so far, in seconds."""
        return sum(map(processor_seconds, self.pids))

    def measures(self, work: str, run: Callable[[], tuple[int, float]]) -> Iterator[Measure]:
        """Run a load, which returns how many requests were answered, and their rate."""
        before = self.spent
        requests, rate = run()
        used = self.spent - before
        yield Measure(_TIME.format(work), "us/request", used * 1e6 / requests)
        yield Measure(_RATE.format(work), "requests/s", rate)


def _counted(load: Callable[[], Load]) -> tuple[int, float]:
    done = load()
    return done.requests, done.rate


def _connect(contender: _Contender, seconds: float) -> tuple[int, float]:
    """Open connections one after another, each for one request."""
    request = request_bytes("GET", "/live")
    began = time.perf_counter()
    count = 0
    while (passed := time.perf_counter() - began) < seconds:
        with RawConnection(contender.port, contender.context) as connection:
            connection.ask(request)
        count += 1
    return count, count / passed


def _probe(contender: _Contender) -> Probe:
    server = contender.server
    dequeues = {size: DequeueLoad(server, rate, size) for size, rate in _RATES.items()}

    def run(seconds: float) -> Iterator[Measure]:
        for (enqueue, dequeue), size in zip((_SINGLE, _BATCHES), _RATES, strict=True):
            load = partial(enqueue_load, server, _CONNECTIONS, seconds, count=size)
            yield from contender.measures(enqueue, partial(_counted, load))
            short = min(seconds, _MOST_SECONDS)
            dequeues[size].stock_up(short)
            load = partial(dequeues[size].run, _CONNECTIONS, short)
            yield from contender.measures(dequeue, partial(_counted, load))
            server.empty("bench")
        yield from contender.measures(_NEW, partial(_connect, contender, seconds))

    return Probe(server.name, run)


def _parked(cert: Path, _seconds: float) -> Iterator[Measure]:
    """Have consumers wait over TLS, and tell the memory that each takes of the server."""
    dequeue = request_bytes("GET", "/queues/parked/dequeue?timeout=3600")
    with zoldyq(certificate=cert, name=_TLS) as server, ExitStack() as consumers:
        server.fill("parked", 1)
        before = server.memory
        for _ in range(_CONSUMERS + 1):
            connection = RawConnection(server.port, server.context)
            consumers.enter_context(connection).sock.sendall(dequeue)
        deadline = time.monotonic() + _PARKED_SECONDS
        while server.stats("parked")["waiting_consumers"] < _CONSUMERS:
            if time.monotonic() > deadline:
                raise WorkNotDone(f"{server.stats('parked')} is all that waits")
            time.sleep(0.05)
        yield Measure(_EACH, "bytes", (server.memory - before) / _CONSUMERS)


def _prepare(stage: Stage) -> Iterable[Probe]:
    cert = stage.enter_context(certificate())
    plain = stage.enter_context(zoldyq())
    yield _probe(_Contender(plain, plain.port, None, (plain.pid,)))
    tls = stage.enter_context(zoldyq(certificate=cert, name=_TLS))
    yield _probe(_Contender(tls, tls.port, tls.context, (tls.pid,)))
    proxy = stage.optional(partial(nginx_tls, plain.port, cert))
    if proxy is not None:
        port = int(proxy.url.rpartition(":")[2])
        pids = (plain.pid, proxy.pid)
        yield _probe(_Contender(_Behind(plain, proxy), port, context_of(cert), pids))
    yield Probe(_TLS, partial(_parked, cert))


def _ratio(row: str, contender: str, base: str) -> Callable[[Results], Series]:
    return lambda results: results[row, contender] / results[row, base]


def _targets() -> Iterator[Target]:
    for works, bound in ((_SINGLE, 0.6), (_BATCHES, 0.5)):
        for work in works:
            rate, spent = _RATE.format(work), _TIME.format(work)
            yield Target(f"{rate}, against plain", _ratio(rate, _TLS, ZOLDYQ), at_least=bound)
            yield Target(f"{spent}, plain against TLS", _ratio(spent, ZOLDYQ, _TLS), at_least=bound)
            yield Target(f"{rate}, against {_PROXY}", _ratio(rate, _TLS, _PROXY), at_least=1)
            yield Target(f"{spent}, against {_PROXY}", _ratio(spent, _TLS, _PROXY), at_most=1)
    yield Target(_EACH, of(_EACH, _TLS), at_most=40_000)


BENCHMARK = Benchmark("tls", "TLS, 8 connections", _prepare, tuple(_targets()))
