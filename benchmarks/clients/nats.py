"""nats-py: core requests, and a work queue of JetStream in memory.

It is asynchronous, so that each measurement runs on an event loop of this module's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
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
from benchmarks.figures import expect
from benchmarks.payload import PAYLOAD
from benchmarks.peers.nats import nats
from benchmarks.servers.process import HOST

_SUBJECT = "bench"
_ECHO = "echo"
_NAME = "nats-py"


class _Stream:
    """A work queue of JetStream, as a store."""

    def __init__(self, runner: asyncio.Runner, connection: Any) -> None:
        self._runner = runner
        self.jetstream = connection.jetstream()
        api = library("nats.js.api")
        self._run(
            self.jetstream.add_stream(
                name=_SUBJECT,
                subjects=[_SUBJECT],
                retention=api.RetentionPolicy.WORK_QUEUE,
                storage=api.StorageType.MEMORY,
            )
        )
        self.subscription: Any = self._run(
            self.jetstream.pull_subscribe(_SUBJECT, durable=_SUBJECT)
        )

    def empty(self) -> None:
        self._run(self.jetstream.purge_stream(_SUBJECT))

    def fill(self, count: int) -> None:
        self._run(self.publish_many(count))

    def held(self) -> int:
        return int(self._run(self.jetstream.stream_info(_SUBJECT)).state.messages)

    async def publish(self, count: int) -> None:
        """Publish one after another."""
        for _ in range(count):
            await self.jetstream.publish(_SUBJECT, PAYLOAD)

    async def publish_many(self, count: int) -> None:
        """Publish a batch at a time, and wait for its acknowledgements."""
        for _ in range(count // BATCH):
            pending = [await self.jetstream.publish_async(_SUBJECT, PAYLOAD) for _ in range(BATCH)]
            await asyncio.gather(*pending)

    async def take(self, count: int, batch: int) -> None:
        """Fetch and acknowledge."""
        taken = 0
        while taken < count:
            for message in await self.subscription.fetch(min(batch, count - taken)):
                await message.ack()
                taken += 1

    def _run(self, work: Any) -> Any:
        return self._runner.run(_awaited(work))


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


@contextmanager
def ways() -> Iterator[list[Way]]:
    """Run a server and connect."""
    module = library("nats")
    with nats() as port, asyncio.Runner() as runner:
        url = f"nats://{HOST}:{port}"
        connections = [runner.run(_awaited(module.connect(url))) for _ in range(2)]
        try:
            yield [
                *_jetstream_ways(runner, _Stream(runner, connections[0])),
                _request_way(runner, *connections),
            ]
        finally:
            for connection in connections:
                runner.run(connection.close())


def _jetstream_ways(runner: asyncio.Runner, stream: _Stream) -> list[Way]:
    def on_loop(work: Callable[..., Any], *more: int) -> Callable[[int], object]:
        return lambda count: runner.run(work(count, *more))

    name = f"{_NAME} JetStream"
    return [
        sending(SEND, f"{name} publish", stream, on_loop(stream.publish)),
        sending(SEND_MANY, f"{name} publish_async", stream, on_loop(stream.publish_many)),
        taking(TAKE, f"{name} fetch of 1", stream, on_loop(stream.take, 1)),
        taking(TAKE_MANY, f"{name} fetch of {BATCH}", stream, on_loop(stream.take, BATCH)),
    ]


def _request_way(runner: asyncio.Runner, client: Any, responder: Any) -> Way:
    """Ask a subscriber in this process, which answers at once: core NATS keeps no messages."""
    answered = 0

    async def answer(message: Any) -> None:
        nonlocal answered
        answered += 1
        await message.respond(b"+OK")

    async def request(count: int) -> None:
        for _ in range(count):
            await client.request(_ECHO, PAYLOAD)

    def before(_: int) -> None:
        nonlocal answered
        answered = 0

    runner.run(responder.subscribe(_ECHO, cb=answer))
    runner.run(responder.flush())
    return Way(
        SEND,
        f"{_NAME} core request",
        before,
        lambda count: runner.run(request(count)),
        lambda count: expect(answered, count, count, "requests answered"),
    )
