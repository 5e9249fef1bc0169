"""redis-py: lists as queues."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from benchmarks.clients.way import (
    BATCH,
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
from benchmarks.peers.redis import Redis, redis
from benchmarks.servers.process import HOST

_QUEUE = "bench"
_NAME = "redis-py"


class _List:
    """A list seen through the suite's own connection, as a store."""

    def __init__(self, server: Redis) -> None:
        self._server = server

    def empty(self) -> None:
        self._server.empty()

    def fill(self, count: int) -> None:
        self._server.top_up(count)

    def held(self) -> int:
        return self._server.length()


@contextmanager
def ways() -> Iterator[list[Way]]:
    """Run a server and connect."""
    module = library("redis")
    with redis() as server, closing(module.Redis(host=HOST, port=server.port)) as client:
        yield [*_pushes(client, _List(server)), *_pops(client, _List(server))]


def _pushes(client: Any, store: _List) -> list[Way]:
    def push(count: int) -> None:
        for _ in range(count):
            client.rpush(_QUEUE, PAYLOAD)

    def push_pipelined(count: int) -> None:
        for _ in range(count // BATCH):
            with client.pipeline(transaction=False) as pipeline:
                for _ in range(BATCH):
                    pipeline.rpush(_QUEUE, PAYLOAD)
                pipeline.execute()

    def push_variadic(count: int) -> None:
        payloads = [PAYLOAD] * BATCH
        for _ in range(count // BATCH):
            client.rpush(_QUEUE, *payloads)

    return [
        sending(SEND, f"{_NAME} RPUSH", store, push),
        sending(SEND_MANY, f"{_NAME} RPUSH, {BATCH} pipelined", store, push_pipelined),
        sending(SEND_MANY, f"{_NAME} RPUSH of {BATCH}", store, push_variadic),
    ]


def _pops(client: Any, store: _List) -> list[Way]:
    def pop(count: int) -> None:
        for _ in range(count):
            client.blpop(_QUEUE)

    def pop_many(count: int) -> None:
        for _ in range(count // BATCH):
            client.lpop(_QUEUE, BATCH)

    return [
        taking(TAKE, f"{_NAME} BLPOP", store, pop),
        taking(TAKE_MANY, f"{_NAME} LPOP of {BATCH}", store, pop_many),
    ]
