"""How soon a waiting consumer has the message that somebody enqueues."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator
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
    expect,
    of,
    percentile,
)
from benchmarks.loads.raw import RawConnection, request_bytes
from benchmarks.payload import PAYLOAD, single
from benchmarks.peers.beanstalkd import BEANSTALKD, beanstalkd
from benchmarks.peers.redis import REDIS, Redis, encoded, redis
from benchmarks.servers.process import HOST
from benchmarks.servers.zoldyq import GUNICORN, WAITRESS, Server, gunicorn, waitress, zoldyq

_WOKEN = "from enqueue sent to message received, {}"
_SETTLE_SECONDS = 0.001


def _woken(
    *,
    wait: Callable[[], object],
    enqueue: Callable[[], object],
    receive: Callable[[], bytes],
    finish: Callable[[], object],
    seconds: float,
) -> list[float]:
    """Return the seconds it took, each time, from before ``enqueue`` to after ``receive``.

    One thread plays both sides, so that no hand-over between threads is measured.
    """
    taken = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        wait()
        # Not measured: the server takes note of the consumer, and has nothing to do again.
        time.sleep(_SETTLE_SECONDS)
        start = time.perf_counter()
        enqueue()
        answer = receive()
        taken.append(time.perf_counter() - start)
        if PAYLOAD not in answer:
            raise WorkNotDone(f"the consumer was given {answer!r}")
        finish()
    return taken


def _measures(taken: list[float]) -> Iterator[Measure]:
    for name, value in _percentiles(taken).items():
        yield Measure(_WOKEN.format(name), "ms", value)


def _percentiles(taken: list[float]) -> dict[str, float]:
    return {f"p{percent}": percentile(taken, percent) * 1000 for percent in (50, 99)}


def _zoldyq(server: Server, seconds: float) -> Iterator[Measure]:
    for name, value in woken_across(server, server, seconds).items():
        yield Measure(_WOKEN.format(name), "ms", value)


def woken_across(enqueued_at: Server, waited_at: Server, seconds: float) -> dict[str, float]:
    """Return the milliseconds it took, by percentile; both servers serve the same queues."""
    dequeue = request_bytes("GET", "/queues/wake/dequeue?timeout=30")
    enqueue = request_bytes("POST", "/queues/wake/enqueue", single())
    before = waited_at.stats("wake")["dequeued_total"]
    with RawConnection(waited_at.port) as consumer, RawConnection(enqueued_at.port) as producer:
        taken = _woken(
            wait=partial(consumer.sock.sendall, dequeue),
            enqueue=partial(producer.sock.sendall, enqueue),
            receive=consumer.answer,
            finish=producer.answer,
            seconds=seconds,
        )
    after = waited_at.stats("wake")["dequeued_total"]
    expect(after - before, len(taken), len(taken), "messages dequeued")
    return _percentiles(taken)


def _redis(server: Redis, seconds: float) -> Iterator[Measure]:
    with ExitStack() as stack:
        (consumer, receive), (producer, answer) = (_line_client(stack, server.port) for _ in "cp")
        yield from _measures(
            _woken(
                wait=partial(consumer.sendall, encoded(b"BLPOP", b"wake", b"30")),
                enqueue=partial(producer.sendall, encoded(b"RPUSH", b"wake", PAYLOAD)),
                # An array of two texts: five lines, the message is in the last of them.
                receive=lambda: b"".join(receive() for _ in range(5)),
                finish=answer,
                seconds=seconds,
            )
        )


def _beanstalkd(port: int, seconds: float) -> Iterator[Measure]:
    put = b"put 0 0 60 %d\r\n%s\r\n" % (len(PAYLOAD), PAYLOAD)
    with ExitStack() as stack:
        (consumer, receive), (producer, answer) = (_line_client(stack, port) for _ in "cp")

        def finish() -> None:
            job = answer().split()[1]
            consumer.sendall(b"delete %s\r\n" % job)
            receive()

        yield from _measures(
            _woken(
                wait=partial(consumer.sendall, b"reserve\r\n"),
                enqueue=partial(producer.sendall, put),
                receive=lambda: receive() + receive(),
                finish=finish,
                seconds=seconds,
            )
        )


def _line_client(stack: ExitStack, port: int) -> tuple[socket.socket, Callable[[], bytes]]:
    """Connect; return the socket and what reads a line from it."""
    sock = stack.enter_context(socket.create_connection((HOST, port), timeout=60))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock, stack.enter_context(sock.makefile("rb")).readline


def _prepare(stage: Stage) -> Iterable[Probe]:
    yield Probe(ZOLDYQ, partial(_zoldyq, stage.enter_context(zoldyq())))
    for name, start in ((WAITRESS, waitress), (GUNICORN, gunicorn)):
        if (other := stage.optional(start)) is not None:
            yield Probe(name, partial(_zoldyq, other))
    if (peer := stage.optional(redis)) is not None:
        yield Probe(f"{REDIS} BLPOP", partial(_redis, peer))
    if (port := stage.optional(beanstalkd)) is not None:
        yield Probe(f"{BEANSTALKD} reserve", partial(_beanstalkd, port))


BENCHMARK = Benchmark(
    "wake",
    "a waiting consumer is given what is enqueued",
    _prepare,
    [Target(work, of(work), at_most=1) for work in (_WOKEN.format("p99"),)],
)
