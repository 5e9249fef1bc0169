"""ZoldyQ's own client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from benchmarks.clients.way import (
    BATCH,
    SEND,
    SEND_MANY,
    TAKE,
    TAKE_MANY,
    Way,
    sending,
    taking,
)
from benchmarks.figures import ZOLDYQ
from benchmarks.payload import PAYLOAD
from benchmarks.servers.zoldyq import Server, zoldyq
from zoldyq.client import Client
from zoldyq.client.queue import RemoteQueue

_QUEUE = "bench"


class _Queue:
    """A queue seen through the suite's own connection, as a store."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def empty(self) -> None:
        self._server.empty(_QUEUE)

    def fill(self, count: int) -> None:
        self._server.fill(_QUEUE, count)

    def held(self) -> int:
        return self._server.stats(_QUEUE)["size"]


@contextmanager
def ways() -> Iterator[list[Way]]:
    """Run a server and connect."""
    with zoldyq() as server, closing(Client(server.url)) as client:
        queue = client.queue(_QUEUE)
        yield [*_sends(queue, _Queue(server)), *_takes(queue, _Queue(server))]


def _sends(queue: RemoteQueue, store: _Queue) -> list[Way]:
    def enqueue(count: int) -> None:
        for _ in range(count):
            queue.enqueue_raw(PAYLOAD)

    def produce(count: int) -> None:
        with queue.producer() as producer:
            for _ in range(count):
                producer.send_raw(PAYLOAD)

    return [
        sending(SEND, f"{ZOLDYQ} enqueue", store, enqueue),
        sending(SEND_MANY, f"{ZOLDYQ} producer", store, produce),
    ]


def _takes(queue: RemoteQueue, store: _Queue) -> list[Way]:
    def dequeue(count: int) -> None:
        for _ in range(count):
            queue.dequeue()

    def dequeue_many(count: int) -> None:
        for _ in range(count // BATCH):
            queue.dequeue_many(BATCH)

    def consume(count: int) -> None:
        for _ in queue.consume(credit=BATCH, limit=count):
            pass

    return [
        taking(TAKE, f"{ZOLDYQ} dequeue", store, dequeue),
        taking(TAKE_MANY, f"{ZOLDYQ} dequeue_many of {BATCH}", store, dequeue_many),
        taking(TAKE_MANY, f"{ZOLDYQ} consume, credit {BATCH}", store, consume),
    ]
