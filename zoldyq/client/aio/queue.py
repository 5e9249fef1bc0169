"""One queue of a server, for asyncio."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from weakref import WeakSet

from msgspec import UNSET, UnsetType

from zoldyq.client import requests
from zoldyq.client.aio.connector import Line
from zoldyq.client.aio.consumer import AsyncConsumer
from zoldyq.client.aio.producer import AsyncProducer
from zoldyq.client.aio.returns import Returns
from zoldyq.client.aio.stream import AsyncStream
from zoldyq.client.aio.transport import AsyncTransport
from zoldyq.client.buffer import Limits
from zoldyq.client.deadline import seconds
from zoldyq.client.documents import (
    Batch,
    Created,
    Declared,
    Deleted,
    Message,
    Moved,
    Purged,
    QueueStats,
    Receipt,
    Updated,
    decode,
)
from zoldyq.client.options import (
    BATCH_BYTES,
    BATCH_MESSAGES,
    SenderOptions,
    WhenFull,
    checked_name,
    stream_options,
)
from zoldyq.client.payloads import batch_body, batches, checked, encode, single_body
from zoldyq.client.requests import PolicyFields
from zoldyq.contract.errors import BatchExceedsCapacity, BatchTooLarge, BodyTooLarge, ZoldyQError


class AsyncRemoteQueue:
    """A queue by its name. It need not exist yet: the first message creates it.

    The methods are those of :class:`~zoldyq.client.RemoteQueue`, which explains parameters, results
    and errors; these are to be awaited.

    A dequeue that is cancelled loses nothing. A message that is on its way then goes to the next
    dequeue of this queue by the same client; if none comes within a second, or the client is
    closed, it is enqueued again, at the end of the queue and as a new message. An enqueue that is
    cancelled may have been done or not, as one whose reply was lost.
    """

    def __init__(
        self,
        transport: AsyncTransport,
        returns: Returns,
        streams: WeakSet[AsyncStream],
        name: str,
    ) -> None:
        self.name = checked_name(name)
        self._transport = transport
        self._returns = returns
        self._streams = streams  # of the client, which ends them with itself

    def __repr__(self) -> str:
        return f"AsyncRemoteQueue({self.name!r} of {self._transport.endpoint.url})"

    # -- sending -----------------------------------------------------------------------------

    async def enqueue(
        self, payload: Any, timeout: float | None = 0.0, *, ttl: float | None = None
    ) -> Receipt:
        """Append a message: any value that JSON can express."""
        return await self._send(single_body(encode(payload)), timeout, ttl)

    async def enqueue_raw(
        self, text: bytes | str, timeout: float | None = 0.0, *, ttl: float | None = None
    ) -> Receipt:
        """Append a message that is JSON text already. It stays as it is, to the last digit."""
        return await self._send(single_body(checked(text)), timeout, ttl)

    async def enqueue_many(
        self,
        payloads: Iterable[Any],
        timeout: float | None = 0.0,
        *,
        ttl: float | None = None,
        batch_messages: int = BATCH_MESSAGES,
        batch_bytes: int = BATCH_BYTES,
    ) -> int:
        """Append any number of messages, in order, and return how many."""
        texts = batches(map(encode, payloads), batch_messages, batch_bytes)
        return await self._send_all(texts, timeout, ttl)

    async def enqueue_many_raw(
        self,
        texts: Iterable[bytes | str],
        timeout: float | None = 0.0,
        *,
        ttl: float | None = None,
        batch_messages: int = BATCH_MESSAGES,
        batch_bytes: int = BATCH_BYTES,
    ) -> int:
        """Append messages that are JSON texts already; else as :meth:`enqueue_many`."""
        checked_texts = batches(map(checked, texts), batch_messages, batch_bytes)
        return await self._send_all(checked_texts, timeout, ttl)

    def producer(
        self,
        *,
        max_messages: int = BATCH_MESSAGES,
        max_bytes: int = BATCH_BYTES,
        max_delay: float = 0.01,
        timeout: float | None = 30.0,
        buffer_messages: int = 10_000,
        buffer_bytes: int = 16 << 20,
        when_full: WhenFull = "block",
        on_error: Callable[[ZoldyQError], object] | None = None,
        resend_unknown: bool = True,
        give_up_after: float | None = None,
        ttl: float | None = None,
    ) -> AsyncProducer:
        """Return what sends single messages in batches, from a task of its own.

        ``on_error`` is called on the event loop, and must not block.
        """
        options = SenderOptions(
            name=self.name,
            limits=Limits(max_messages, max_bytes, buffer_messages, buffer_bytes),
            max_delay=max_delay,
            when_full=when_full,
            resend_unknown=resend_unknown,
            give_up_after=seconds(give_up_after, "give_up_after"),
            on_error=on_error,
        )

        async def send_some(payloads: Sequence[bytes], wait: float) -> tuple[int, int]:
            return await self._send_some(payloads, wait, ttl)

        return AsyncProducer(self._transport, send_some, options, timeout)

    # -- receiving ---------------------------------------------------------------------------

    async def dequeue(self, timeout: float | None = 0.0) -> Message | None:
        """Take the oldest message; None when none came in time."""

        async def ask(line: Line) -> Sequence[Message]:
            body = await self._transport.call(requests.dequeue(self.name), timeout, line)
            return (decode(body, Message),) if body else ()

        messages = await self._returns.dequeue(self.name, 1, ask)
        return messages[0] if messages else None

    async def dequeue_many(self, count: int, timeout: float | None = 0.0) -> Sequence[Message]:
        """Take up to ``count`` messages, oldest first, as soon as any is there."""

        async def ask(line: Line) -> Sequence[Message]:
            body = await self._transport.call(requests.dequeue(self.name, count), timeout, line)
            return decode(body, Batch).messages if body else ()

        return await self._returns.dequeue(self.name, count, ask)

    async def peek(self, count: int = 1) -> Sequence[Message]:
        """Look at up to ``count`` of the oldest messages and take none. Raises QueueNotFound."""
        body = await self._transport.call(requests.peek(self.name, count))
        return decode(body, Batch).messages

    def consume(
        self,
        *,
        credit: int = 64,
        limit: int | None = None,
        idle_timeout: float | None = None,
        reconnect_seconds: float | None = None,
    ) -> AsyncConsumer:
        """Return a stream of messages for ``async for``, pushed as they become available."""
        options = stream_options(
            self.name,
            credit=credit,
            limit=limit,
            idle_timeout=idle_timeout,
            reconnect_seconds=reconnect_seconds,
        )
        stream = AsyncStream(self._transport, options)
        self._streams.add(stream)
        return AsyncConsumer(stream)

    # -- administration ------------------------------------------------------------------------

    async def stats(self) -> QueueStats:
        """Return the queue's statistics. Raises QueueNotFound."""
        return decode(await self._transport.call(requests.stats(self.name)), QueueStats)

    async def create(self, capacity: int) -> bool:
        """Create the queue with a capacity of its own; False if it was there, with the same."""
        request = requests.declare(self.name, PolicyFields(capacity=capacity))
        return decode(await self._transport.call(request), Created).created

    async def declare(
        self,
        *,
        capacity: int | UnsetType = UNSET,
        max_bytes: int | UnsetType | None = UNSET,
        ttl_seconds: float | UnsetType | None = UNSET,
        overflow: str | UnsetType = UNSET,
        idle_seconds: float | UnsetType | None = UNSET,
    ) -> Declared:
        """Create the queue with a policy, and return the policy and whether it was ``created``."""
        fields = PolicyFields(
            capacity=capacity,
            max_bytes=max_bytes,
            ttl_seconds=ttl_seconds,
            overflow=overflow,
            idle_seconds=idle_seconds,
        )
        return decode(await self._transport.call(requests.declare(self.name, fields)), Declared)

    async def update(
        self,
        *,
        capacity: int | UnsetType = UNSET,
        max_bytes: int | UnsetType | None = UNSET,
        ttl_seconds: float | UnsetType | None = UNSET,
        overflow: str | UnsetType = UNSET,
        idle_seconds: float | UnsetType | None = UNSET,
    ) -> Updated:
        """Change the fields that are given, and return the policy and whether it ``changed``."""
        fields = PolicyFields(
            capacity=capacity,
            max_bytes=max_bytes,
            ttl_seconds=ttl_seconds,
            overflow=overflow,
            idle_seconds=idle_seconds,
        )
        return decode(await self._transport.call(requests.update(self.name, fields)), Updated)

    async def move(self, to: str, count: int | None = None) -> int:
        """Move the oldest messages to the end of queue ``to``, in order, and return how many."""
        request = requests.move(self.name, checked_name(to), count)
        return decode(await self._transport.call(request), Moved).moved

    async def purge(self) -> int:
        """Drop all messages and return how many. Raises QueueNotFound."""
        return decode(await self._transport.call(requests.purge(self.name)), Purged).purged

    async def delete(self) -> int:
        """Delete the queue, and return how many messages went with it. Raises QueueNotFound."""
        return decode(await self._transport.call(requests.delete(self.name)), Deleted).dropped

    # -- helpers -----------------------------------------------------------------------------

    async def _send(self, body: bytes, timeout: float | None, ttl: float | None) -> Receipt:
        request = requests.enqueue(self.name, body, ttl)
        return decode(await self._transport.call(request, timeout), Receipt)

    async def _send_all(
        self, all_batches: Iterator[Sequence[bytes]], timeout: float | None, ttl: float | None
    ) -> int:
        sent = 0
        try:
            for batch in all_batches:
                rest = batch
                while rest:
                    count, _ = await self._send_some(rest, timeout, ttl)
                    sent += count
                    rest = rest[count:]
        except ZoldyQError as error:
            error.details = {**error.details, "enqueued": sent}
            raise
        except Exception as error:
            # The program's own, out of its iterable.
            error.add_note(f"{sent} messages were queued before this")
            raise
        return sent

    async def _send_some(
        self, batch: Sequence[bytes], timeout: float | None, ttl: float | None
    ) -> tuple[int, int]:
        """Send a batch, or its first half if it is too large.

        Return how many, and how many older messages had to go from the queue for them.
        """
        try:
            receipt = await self._send(batch_body(batch), timeout, ttl)
        except (BatchExceedsCapacity, BatchTooLarge, BodyTooLarge):
            # Nothing of it was queued.
            if len(batch) == 1:
                raise
            return await self._send_some(batch[: len(batch) // 2], timeout, ttl)
        return len(batch), receipt.dropped
