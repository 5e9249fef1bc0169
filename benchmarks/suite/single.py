"""One message a request over HTTP: the everyday case."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks.figures import ZOLDYQ, Benchmark, Measure, Probe, Stage, Target, times
from benchmarks.loads.http import DequeueLoad, enqueue_load
from benchmarks.loads.wrk import Load, wrk
from benchmarks.payload import single
from benchmarks.peers.nginx import NGINX, nginx
from benchmarks.peers.redis import REDIS, Redis, RedisLoad, redis
from benchmarks.peers.webdis import WEBDIS, webdis
from benchmarks.servers.zoldyq import GUNICORN, WAITRESS, Server, gunicorn, waitress, zoldyq

_CONNECTIONS = (8, 64)
_ENQUEUE = "enqueue, {} connections"
_DEQUEUE = "dequeue, {} connections"
#: A guess at how many messages leave in a second.
_RATE = 120_000
_DEPTH = 16


@dataclass(frozen=True)
class _Contender:
    """Both take connections and seconds, and return messages a second."""

    name: str
    enqueue: Callable[[int, float], float]
    dequeue: Callable[[int, float], float]


def _by_wrk(name: str, enqueue: Callable[..., Load], dequeue: Callable[..., Load]) -> _Contender:
    return _Contender(
        name,
        lambda connections, seconds: enqueue(connections, seconds).rate,
        lambda connections, seconds: dequeue(connections, seconds).rate,
    )


def _server(name: str, server: Server) -> _Contender:
    return _by_wrk(name, partial(enqueue_load, server), DequeueLoad(server, _RATE).run)


def _pipelined(server: Server) -> _Contender:
    dequeue = DequeueLoad(server, 2 * _RATE).run
    return _by_wrk(
        f"{ZOLDYQ}, {_DEPTH} pipelined",
        partial(enqueue_load, server, depth=_DEPTH),
        partial(dequeue, depth=_DEPTH),
    )


def _nginx(url: str) -> _Contender:
    def enqueue(connections: int, seconds: float) -> Load:
        return wrk(
            url,
            ["/queues/bench/enqueue"],
            connections=connections,
            seconds=seconds,
            method="POST",
            body=single(),
            header="Content-Type: application/json",
        )

    def dequeue(connections: int, seconds: float) -> Load:
        return wrk(url, ["/queues/bench/dequeue"], connections=connections, seconds=seconds)

    return _by_wrk(NGINX, enqueue, dequeue)


def _redis(name: str, server: Redis, depth: int) -> _Contender:
    load = RedisLoad(server, depth=depth)
    return _Contender(name, load.push, load.pop)


def _contenders(stage: Stage) -> Iterator[_Contender]:
    server = stage.enter_context(zoldyq())
    yield _server(ZOLDYQ, server)
    if (ceiling := stage.optional(nginx)) is not None:
        yield _nginx(ceiling.url)
    if (peer := stage.optional(webdis)) is not None:
        yield _by_wrk(WEBDIS, peer.enqueue_load, peer.dequeue_load)
    for name, start in ((WAITRESS, waitress), (GUNICORN, gunicorn)):
        if (other := stage.optional(start)) is not None:
            yield _server(name, other)
    yield _pipelined(server)
    if (plain := stage.optional(redis)) is not None:
        yield _redis(f"{REDIS}, own protocol", plain, 1)
        yield _redis(f"{REDIS}, {_DEPTH} pipelined", plain, _DEPTH)


def _rate(
    work: str, rate: Callable[[int, float], float], connections: int, seconds: float
) -> Iterator[Measure]:
    yield Measure(work, "messages/s", rate(connections, seconds))


def _prepare(stage: Stage) -> Iterable[Probe]:
    contenders = list(_contenders(stage))
    # Those that are compared take their turns right after each other.
    for count in _CONNECTIONS:
        for each in contenders:
            work = _ENQUEUE.format(count)
            yield Probe(each.name, partial(_rate, work, each.enqueue, count))
        for each in contenders:
            work = _DEQUEUE.format(count)
            yield Probe(each.name, partial(_rate, work, each.dequeue, count))


def _targets() -> Iterator[Target]:
    for connections in _CONNECTIONS:
        for work, share_of_nginx in (
            (_ENQUEUE.format(connections), 0.6),
            (_DEQUEUE.format(connections), 0.7),
        ):
            for base, bound in ((WAITRESS, 15), (WEBDIS, 1.3), (NGINX, share_of_nginx)):
                figure = times(work, ZOLDYQ, base=base)
                yield Target(f"{work}, against {base}", figure, at_least=bound)


BENCHMARK = Benchmark("single", "one message a request over HTTP", _prepare, tuple(_targets()))
