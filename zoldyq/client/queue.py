"""One queue of a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from zoldyq.client import requests
from zoldyq.client.buffer import Limits
from zoldyq.client.consumer import Consumer
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
from zoldyq.client.producer import Producer
from zoldyq.client.requests import PolicyFields
from zoldyq.client.stream import Stream
from zoldyq.client.transport import Transport
from zoldyq.contract.errors import (
    BatchExceedsCapacity,
    BatchTooLarge,
    BodyTooLarge,
    ZoldyQError,
)


class RemoteQueue:
    """A queue by its name. It need not exist yet: the first message creates it.

    Every ``timeout`` is in seconds, and the whole time that a call may take: for a connection, for
    a server that is overloaded or not there yet, and for room or a message. 0 means one attempt
    that does not wait, None to wait without an end. Every ``ttl`` is the lifetime of the messages
    in seconds; None leaves it to the queue. Beside what they name, all methods raise
    ConnectionFailed, ConnectionLost, UnexpectedReply, InvalidTimeout, and what the server refuses.
    A name that no queue can have raises InvalidQueueName.
    """

    def __init__(self, transport: Transport, name: str) -> None:
        self.name = checked_name(name)
        self._transport = transport

    def __repr__(self) -> str:
        return f"RemoteQueue({self.name!r} of {self._transport.endpoint.url})"

    # -- sending -----------------------------------------------------------------------------

    def enqueue(
        self, payload: Any, timeout: float | None = 0.0, *, ttl: float | None = None
    ) -> Receipt:
        """Append a message: any value that JSON can express.

        What JSON has no words for is written as msgspec does: dates and UUIDs as texts, dataclasses
        as objects, bytes as base64, NaN as ``null``.

        Raises:
            InvalidPayload: JSON cannot express the value.
            QueueFull, MemoryLimit: there is no room, and none came in time.
        """
        return self._send(single_body(encode(payload)), timeout, ttl)

    def enqueue_raw(
        self, text: bytes | str, timeout: float | None = 0.0, *, ttl: float | None = None
    ) -> Receipt:
        """Append a message that is JSON text already. It stays as it is, to the last digit.

        Raises:
            InvalidJson: it is not a JSON text.
            QueueFull, MemoryLimit: there is no room, and none came in time.
        """
        return self._send(single_body(checked(text)), timeout, ttl)

    def enqueue_many(
        self,
        payloads: Iterable[Any],
        timeout: float | None = 0.0,
        *,
        ttl: float | None = None,
        batch_messages: int = BATCH_MESSAGES,
        batch_bytes: int = BATCH_BYTES,
    ) -> int:
        """Append any number of messages, in order, and return how many.

        They are sent in batches of at most so many messages and bytes, and ``timeout`` holds for
        each. A batch is queued as a whole or not at all; those before one that fails stay queued,
        as ``details["enqueued"]`` of the error tells.

        Raises:
            InvalidPayload: JSON cannot express a value.
            QueueFull, MemoryLimit: there is no room, and none came in time.
        """
        texts = batches(map(encode, payloads), batch_messages, batch_bytes)
        return self._send_all(texts, timeout, ttl)

    def enqueue_many_raw(
        self,
        texts: Iterable[bytes | str],
        timeout: float | None = 0.0,
        *,
        ttl: float | None = None,
        batch_messages: int = BATCH_MESSAGES,
        batch_bytes: int = BATCH_BYTES,
    ) -> int:
        """Append messages that are JSON texts already; else as :meth:`enqueue_many`.

        Raises:
            InvalidJson: one is not a JSON text.
            QueueFull, MemoryLimit: there is no room, and none came in time.
        """
        checked_texts = batches(map(checked, texts), batch_messages, batch_bytes)
        return self._send_all(checked_texts, timeout, ttl)

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
    ) -> Producer:
        """Return what sends single messages in batches, from a thread of its own.

        A batch goes out once it has ``max_messages`` or ``max_bytes``, or its first message is
        ``max_delay`` seconds old. While the server is slow, full or away, up to ``buffer_messages``
        and ``buffer_bytes`` wait. When the buffer is full, ``send`` waits up to ``timeout`` seconds
        (``when_full="block"``), the oldest messages go (``"drop_oldest"``), or ``send`` raises
        BufferFull at once (``"raise"``). ``timeout`` also holds for ``flush`` and ``close``.

        ``on_error`` is called with each failure, on the producer's thread. If it is a
        MessagesUnsent, the server refused its ``payloads`` for good; without ``on_error``,
        ``flush`` and ``close`` raise these. ``resend_unknown=False`` does not send again what the
        server may have: it is given up like something refused. A producer goes on for as long as
        an outage takes, or ends once a batch could not be sent for ``give_up_after`` seconds;
        ``send`` and ``close`` then raise MessagesUnsent.

        Raises:
            InvalidOption, InvalidTimeout: an option is out of its range.
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
        return Producer(
            lambda payloads, wait: self._send_some(payloads, wait, ttl), options, timeout
        )

    # -- receiving ---------------------------------------------------------------------------

    def dequeue(self, timeout: float | None = 0.0) -> Message | None:
        """Take the oldest message; None when none came in time."""
        body = self._transport.call(requests.dequeue(self.name), timeout)
        return decode(body, Message) if body else None

    def dequeue_many(self, count: int, timeout: float | None = 0.0) -> Sequence[Message]:
        """Take up to ``count`` messages, oldest first, as soon as any is there."""
        body = self._transport.call(requests.dequeue(self.name, count), timeout)
        return decode(body, Batch).messages if body else ()

    def peek(self, count: int = 1) -> Sequence[Message]:
        """Look at up to ``count`` of the oldest messages and take none. Raises QueueNotFound."""
        return decode(self._transport.call(requests.peek(self.name, count)), Batch).messages

    def consume(
        self,
        *,
        credit: int = 64,
        limit: int | None = None,
        idle_timeout: float | None = None,
        reconnect_seconds: float | None = None,
    ) -> Consumer:
        """Return a stream of messages, pushed by the server as they become available.

        ``credit`` is how many messages may be on their way or here without having been handed out:
        other consumers do not get them meanwhile. When the stream ends in good order they return to
        the queue; they are lost if this process is killed. The stream ends after ``limit``
        messages, takes no more than these, and ends when nothing came for ``idle_timeout`` seconds.
        When its connection breaks, it is made anew within ``reconnect_seconds`` (None: however long
        it takes); the first must be made within the client's ``connect_timeout``.

        Raises:
            InvalidOption, InvalidTimeout: a parameter is out of its range.
        """
        options = stream_options(
            self.name,
            credit=credit,
            limit=limit,
            idle_timeout=idle_timeout,
            reconnect_seconds=reconnect_seconds,
        )
        return Consumer(Stream(self._transport.endpoint, options))

    # -- administration ------------------------------------------------------------------------

    def stats(self) -> QueueStats:
        """Return the queue's statistics. Raises QueueNotFound."""
        return decode(self._transport.call(requests.stats(self.name)), QueueStats)

    def create(self, capacity: int) -> bool:
        """Create the queue with a capacity of its own; False if it was there, with the same.

        Raises:
            QueueExists: it has another capacity.
        """
        request = requests.declare(self.name, PolicyFields(capacity=capacity))
        return decode(self._transport.call(request), Created).created

    def declare(
        self,
        *,
        capacity: int | UnsetType = UNSET,
        max_bytes: int | UnsetType | None = UNSET,
        ttl_seconds: float | UnsetType | None = UNSET,
        overflow: str | UnsetType = UNSET,
        idle_seconds: float | UnsetType | None = UNSET,
    ) -> Declared:
        """Create the queue with a policy, and return the policy and whether it was ``created``.

        What is not given is as the server has it for new queues. If the queue exists, what is given
        must be as it is. :class:`~zoldyq.client.documents.Policy` explains the fields.

        Raises:
            QueueExists: it exists, and differs in the fields of ``details["differs"]``.
            InvalidCapacity, InvalidPolicy: a field is out of its range.
        """
        fields = PolicyFields(
            capacity=capacity,
            max_bytes=max_bytes,
            ttl_seconds=ttl_seconds,
            overflow=overflow,
            idle_seconds=idle_seconds,
        )
        return decode(self._transport.call(requests.declare(self.name, fields)), Declared)

    def update(
        self,
        *,
        capacity: int | UnsetType = UNSET,
        max_bytes: int | UnsetType | None = UNSET,
        ttl_seconds: float | UnsetType | None = UNSET,
        overflow: str | UnsetType = UNSET,
        idle_seconds: float | UnsetType | None = UNSET,
    ) -> Updated:
        """Change the fields that are given, and return the policy and whether it ``changed``.

        It holds at once, for what is queued as well.

        Raises:
            QueueNotFound: there is no such queue.
            InvalidCapacity, InvalidPolicy: a field is out of its range.
        """
        fields = PolicyFields(
            capacity=capacity,
            max_bytes=max_bytes,
            ttl_seconds=ttl_seconds,
            overflow=overflow,
            idle_seconds=idle_seconds,
        )
        return decode(self._transport.call(requests.update(self.name, fields)), Updated)

    def move(self, to: str, count: int | None = None) -> int:
        """Move the oldest messages to the end of queue ``to``, in order, and return how many.

        Up to ``count`` of them (None: as many as there are now), and as many as there is room for.
        They keep their time stamps and their own lifetimes, and each is in one of the queues at any
        time. ``to`` is created if need be.

        Raises:
            QueueNotFound: this queue is not there.
            InvalidMove: ``to`` is this queue.
        """
        request = requests.move(self.name, checked_name(to), count)
        return decode(self._transport.call(request), Moved).moved

    def purge(self) -> int:
        """Drop all messages and return how many. Raises QueueNotFound."""
        return decode(self._transport.call(requests.purge(self.name)), Purged).purged

    def delete(self) -> int:
        """Delete the queue, and return how many messages went with it. Raises QueueNotFound."""
        return decode(self._transport.call(requests.delete(self.name)), Deleted).dropped

    # -- helpers -----------------------------------------------------------------------------

    def _send(self, body: bytes, timeout: float | None, ttl: float | None) -> Receipt:
        request = requests.enqueue(self.name, body, ttl)
        return decode(self._transport.call(request, timeout), Receipt)

    def _send_all(
        self, all_batches: Iterator[Sequence[bytes]], timeout: float | None, ttl: float | None
    ) -> int:
        sent = 0
        try:
            for batch in all_batches:
                rest = batch
                while rest:
                    count, _ = self._send_some(rest, timeout, ttl)
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

    def _send_some(
        self, batch: Sequence[bytes], timeout: float | None, ttl: float | None
    ) -> tuple[int, int]:
        """Send a batch, or its first half if it is too large.

        Return how many, and how many older messages had to go from the queue for them.
        """
        try:
            receipt = self._send(batch_body(batch), timeout, ttl)
        except (BatchExceedsCapacity, BatchTooLarge, BodyTooLarge):
            # Nothing of it was queued.
            if len(batch) == 1:
                raise
            return self._send_some(batch[: len(batch) // 2], timeout, ttl)
        return len(batch), receipt.dropped
