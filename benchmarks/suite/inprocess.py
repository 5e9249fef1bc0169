"""The queue itself, in one process: no server, no bytes on a wire."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator
from threading import Thread
from time import perf_counter

from benchmarks.figures import ZOLDYQ, Benchmark, Measure, Probe, Stage, Target, expect, times
from benchmarks.payload import PAYLOAD
from zoldyq.queue import MessageQueue

_PAIR = "enqueue + dequeue"
_HAND_OVER = "from thread to thread"
_QUEUE = "queue.Queue"
_SIMPLE = "queue.SimpleQueue"
_AT_ONCE = 1_000


def _pairs(put: Callable[[bytes], object], get: Callable[[], object], seconds: float) -> Measure:
    """Put a message in and take it out again, over and over."""
    pairs = 0
    start = perf_counter()
    while (elapsed := perf_counter() - start) < seconds:
        for _ in range(_AT_ONCE):
            put(PAYLOAD)
            get()
        pairs += _AT_ONCE
    return Measure(_PAIR, "pairs/s", pairs / elapsed)


def _hand_over(
    put: Callable[[bytes], object], get: Callable[[], object], seconds: float
) -> Measure:
    """Have one thread put messages in while this one takes them, waiting where it must."""
    sent: list[int] = []

    def produce() -> None:
        count = 0
        until = perf_counter() + seconds
        while perf_counter() < until:
            for _ in range(_AT_ONCE):
                put(PAYLOAD)
            count += _AT_ONCE
        sent.append(count)
        put(b"end")

    producer = Thread(target=produce, daemon=True)
    start = perf_counter()
    producer.start()
    taken = 0
    while get() != b"end":
        taken += 1
    elapsed = perf_counter() - start
    producer.join()
    expect(taken, sent[0], sent[0], "messages handed over")
    return Measure(_HAND_OVER, "messages/s", taken / elapsed)


def _zoldyq(seconds: float) -> Iterator[Measure]:
    messages = MessageQueue("bench", capacity=1_000_000_000)
    yield _pairs(messages.enqueue, messages.dequeue, seconds)
    stats = messages.stats()
    expect(stats.dequeued_total, stats.enqueued_total, stats.enqueued_total, "messages dequeued")

    def get() -> object:
        message = messages.dequeue(timeout=30)
        return message and message.payload

    yield _hand_over(messages.enqueue, get, seconds)


def _standard(
    make: Callable[[], queue.Queue[bytes] | queue.SimpleQueue[bytes]], seconds: float
) -> Iterator[Measure]:
    messages = make()
    yield _pairs(messages.put, messages.get, seconds)
    expect(messages.qsize(), 0, 0, "messages left over")
    yield _hand_over(messages.put, messages.get, seconds)


def _prepare(_stage: Stage) -> Iterable[Probe]:
    return [
        Probe(ZOLDYQ, _zoldyq),
        Probe(_QUEUE, lambda seconds: _standard(queue.Queue, seconds)),
        Probe(_SIMPLE, lambda seconds: _standard(queue.SimpleQueue, seconds)),
    ]


BENCHMARK = Benchmark(
    "inprocess",
    "the queue in one process, beside the standard library's",
    _prepare,
    [
        Target(
            "an enqueue + dequeue pair, with time stamp and counters, against queue.Queue",
            times(_PAIR, ZOLDYQ, base=_QUEUE),
            at_least=1.5,
        )
    ],
    slices=10,
)
