"""pika: a transient classic queue of RabbitMQ, with and without publisher confirms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from benchmarks.clients.way import (
    SEND,
    SEND_MANY,
    TAKE,
    TAKE_MANY,
    Way,
    library,
    sending,
    taking,
)
from benchmarks.payload import PAYLOAD
from benchmarks.peers.rabbitmq import rabbitmq
from benchmarks.servers.process import HOST

_QUEUE = "bench"
_NAME = "pika"


class _Channel:
    """A channel without confirms, and its queue as a store."""

    def __init__(self, connection: Any) -> None:
        self.channel = connection.channel()
        self.channel.queue_declare(_QUEUE, durable=False)

    def empty(self) -> None:
        self.channel.queue_purge(_QUEUE)

    def fill(self, count: int) -> None:
        for _ in range(count):
            self.channel.basic_publish("", _QUEUE, PAYLOAD)
        # Answered in order, so that all messages are there when this is.
        self.held()

    def held(self) -> int:
        return int(self.channel.queue_declare(_QUEUE, passive=True).method.message_count)


@contextmanager
def ways() -> Iterator[list[Way]]:
    """Run a node and connect."""
    pika = library("pika")
    with rabbitmq() as port:
        parameters = pika.ConnectionParameters(HOST, port, heartbeat=0)
        with closing(pika.BlockingConnection(parameters)) as connection:
            confirming = connection.channel()
            confirming.confirm_delivery()
            yield _ways(_Channel(connection), confirming)


def _ways(store: _Channel, confirming: Any) -> list[Way]:
    def publish_confirmed(count: int) -> None:
        for _ in range(count):
            confirming.basic_publish("", _QUEUE, PAYLOAD)

    def get(count: int) -> None:
        for _ in range(count):
            store.channel.basic_get(_QUEUE, auto_ack=True)

    def consume(count: int) -> None:
        stream = store.channel.consume(_QUEUE, auto_ack=True)
        for _ in zip(range(count), stream, strict=False):
            pass
        store.channel.cancel()

    return [
        sending(SEND, f"{_NAME} basic_publish, confirmed", store, publish_confirmed),
        sending(SEND_MANY, f"{_NAME} basic_publish, unconfirmed", store, store.fill),
        taking(TAKE, f"{_NAME} basic_get", store, get),
        taking(TAKE_MANY, f"{_NAME} consume, no acknowledgements", store, consume),
    ]
