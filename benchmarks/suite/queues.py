"""Many queues: whether scrapes of them delay enqueues, and what 100,000 of them cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from http.client import HTTPConnection

import msgspec

from benchmarks.figures import (
    ZOLDYQ,
    Benchmark,
    Measure,
    Probe,
    Stage,
    Target,
    WorkNotDone,
    expect,
    of,
)
from benchmarks.loads.beside import timed_beside
from benchmarks.loads.raw import RawConnection, request_bytes
from benchmarks.loads.wrk import Load, wrk
from benchmarks.payload import single
from benchmarks.servers.process import HOST, processor_seconds
from benchmarks.servers.zoldyq import Server, zoldyq

_CONNECTIONS = 8
_AT_ONCE = 100
#: A scrape needs time to come around.
_LEAST_SECONDS = 3.0

_SCRAPED = 1_000
_P99 = "enqueue, 8 connections, p99"
_NO_SCRAPE = f"{ZOLDYQ}, no scrape"

_MANY = 100_000
#: How many of them are timed as the first and as the last ones.
_PART = 10_000
_CREATED = "created by an enqueue, {} 10,000, processor time"
_EACH = "memory for each, with a message"
_DOCUMENT = "{} meanwhile"
_DOCUMENTS = ("/metrics", "/health")
_EMPTY = f"{ZOLDYQ}, one queue"


def _enqueue(server: Server, seconds: float) -> Load:
    before = _enqueued(server)
    load = wrk(
        server.url,
        ["/queues/bench/enqueue"],
        connections=_CONNECTIONS,
        seconds=max(seconds, _LEAST_SECONDS),
        method="POST",
        body=single(),
        header="Content-Type: application/json",
    )
    queued = _enqueued(server) - before
    expect(queued, load.requests, load.requests + _CONNECTIONS, "messages enqueued")
    server.empty("bench")
    return load


def _enqueued(server: Server) -> int:
    """Ask for one queue: the document of all is large here."""
    status, body = server.request("GET", "/queues/bench")
    expect(status, 200, 200, "status of a queue")
    count: int = msgspec.json.decode(body)["enqueued_total"]
    return count


def _alone(server: Server, seconds: float) -> Iterator[Measure]:
    load = _enqueue(server, seconds)
    yield Measure(_P99, "ms", load.p99)


def _beside(server: Server, path: str, pause: float, seconds: float) -> Iterator[Measure]:
    """Enqueue while a document is asked for again and again."""
    with closing(HTTPConnection(HOST, server.port, timeout=120)) as client:
        with timed_beside(partial(_get, client, path), pause) as taken:
            load = _enqueue(server, seconds)
        yield Measure(_P99, "ms", load.p99)
        yield Measure(_DOCUMENT.format(path), "s", sum(taken) / len(taken))


def _get(client: HTTPConnection, path: str) -> None:
    client.request("GET", path)
    answer = client.getresponse()
    answer.read()
    if answer.status != 200:
        raise WorkNotDone(f"{path} was answered {answer.status}")


def _create(server: Server, first: int, count: int) -> float:
    """Create queues by an enqueue each; return the server's processor time for one, in seconds."""
    before = processor_seconds(server.pid)
    with RawConnection(server.port) as client:
        for start in range(first, first + count, _AT_ONCE):
            client.pipeline(
                request_bytes("POST", f"/queues/many-{number}/enqueue", single())
                for number in range(start, start + _AT_ONCE)
            )
    return (processor_seconds(server.pid) - before) / count


def _prepare_scrapes(stage: Stage) -> Iterable[Probe]:
    server = stage.enter_context(zoldyq("--max-queues", str(_SCRAPED + 1)))
    server.fill("bench", 1)
    _create(server, 0, _SCRAPED)
    return [
        Probe(_NO_SCRAPE, partial(_alone, server)),
        Probe(ZOLDYQ, partial(_beside, server, "/metrics", 1.0)),
    ]


def _many(seconds: float) -> Iterator[Measure]:
    with zoldyq("--max-queues", str(_MANY + 1)) as server:
        server.fill("bench", 1)
        memory = server.memory
        first = _create(server, 0, _PART)
        _create(server, _PART, _MANY - 2 * _PART)
        last = _create(server, _MANY - _PART, _PART)
        yield Measure(_CREATED.format("the first"), "us/queue", first * 1e6)
        yield Measure(_CREATED.format("the last"), "us/queue", last * 1e6)
        yield Measure(_EACH, "bytes", (server.memory - memory) / _MANY)
        for path in _DOCUMENTS:
            for each in _beside(server, path, 0.0, seconds):
                work = f"{each.work}, beside {path}" if each.work == _P99 else each.work
                yield Measure(work, each.unit, each.value)


def _prepare_many(stage: Stage) -> Iterable[Probe]:
    empty = stage.enter_context(zoldyq())
    empty.fill("bench", 1)
    return [Probe(_EMPTY, partial(_alone, empty)), Probe(ZOLDYQ, _many)]


SCRAPES = Benchmark(
    "scrapes",
    f"/metrics of {_SCRAPED:,} queues each second",
    _prepare_scrapes,
    [
        Target("p99 of enqueues beside scrapes", of(_P99), at_most=5),
        Target(
            "p99 of enqueues beside scrapes, against none",
            lambda results: results[_P99, ZOLDYQ] / results[_P99, _NO_SCRAPE],
            at_most=1.5,
        ),
    ],
)
MANY = Benchmark(
    "many-queues",
    f"{_MANY:,} queues",
    _prepare_many,
    [
        Target(
            "to create the last 10,000 of 100,000 queues, against the first",
            lambda results: (
                results[_CREATED.format("the last"), ZOLDYQ]
                / results[_CREATED.format("the first"), ZOLDYQ]
            ),
            at_most=1.5,
        ),
        *(
            Target(f"p99 of enqueues beside {path}", of(f"{_P99}, beside {path}"), at_most=10)
            for path in _DOCUMENTS
        ),
    ],
)
