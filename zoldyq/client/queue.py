"""One queue of a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from zoldyq.client.address import queue_path
from zoldyq.client.consumer import Consumer
from zoldyq.client.documents import (
    Batch,
    Created,
    Deleted,
    Message,
    Purged,
    QueueStats,
    Receipt,
    decode,
)
from zoldyq.client.payloads import batch_body, batches, checked, encode, single_body
from zoldyq.client.producer import Producer
from zoldyq.client.transport import Request, Transport
from zoldyq.contract.errors import BatchExceedsCapacity, BodyTooLarge, ZoldyQError

#: A batch is sent once it has so many messages or bytes.
BATCH_MESSAGES = 1_000
BATCH_BYTES = 1 << 20


class RemoteQueue:
    """A queue by its name. It need not exist yet: the first message brings it into being.

    Every ``timeout`` is in seconds: how long to wait for room, for a message, or for a server
    that is overloaded or not there yet. 0 means not to wait. Beside what they name, all methods
    raise ConnectionFailed, ConnectionLost and UnexpectedReply, and what the server refuses.
    """

    def __init__(self, transport: Transport, name: str) -> None:
        self.name = name
        self._transport = transport

    # -- sending -----------------------------------------------------------------------------

    def enqueue(self, payload: Any, timeout: float = 0.0) -> Receipt:
        """Append a message: any value that JSON can express.

        What JSON has no words for is written as msgspec does: dates and UUIDs as texts, dataclasses
        as objects, bytes as base64, NaN as ``null``.

        Raises:
            TypeError: JSON cannot express the value.
            QueueFull, MemoryLimit: there is no room, and none came in time.
        """
        return self._send(single_body(encode(payload)), timeout)

    def enqueue_raw(self, text: bytes | str, timeout: float = 0.0) -> Receipt:
        """Append a message that is JSON text already. It stays as it is, to the last digit.

        Raises:
            InvalidJson: it is no JSON text.
            QueueFull, MemoryLimit: there is no room, and none came in time.
        """
        return self._send(single_body(checked(text)), timeout)

    def enqueue_many(
        self,
        payloads: Iterable[Any],
        timeout: float = 0.0,
        *,
        batch_messages: int = BATCH_MESSAGES,
        batch_bytes: int = BATCH_BYTES,
    ) -> int:
        """Append any number of messages, in order, and return how many.

        They are sent in batches of at most so many messages and bytes, and ``timeout`` holds for
        each. A batch is queued as a whole or not at all; those before one that fails stay queued,
        as ``details["enqueued"]`` of the error tells.

        Raises:
            TypeError: JSON cannot express a value.
            QueueFull, MemoryLimit: there is no room, and none came in time.
        """
        texts = map(encode, payloads)
        return self._send_all(batches(texts, batch_messages, batch_bytes), timeout)

    def enqueue_many_raw(
        self,
        texts: Iterable[bytes | str],
        timeout: float = 0.0,
        *,
        batch_messages: int = BATCH_MESSAGES,
        batch_bytes: int = BATCH_BYTES,
    ) -> int:
        """Append messages that are JSON texts already; else as :meth:`enqueue_many`.

        Raises:
            InvalidJson: one is no JSON text.
            QueueFull, MemoryLimit: there is no room, and none came in time.
        """
        checked_texts = map(checked, texts)
        return self._send_all(batches(checked_texts, batch_messages, batch_bytes), timeout)

    def producer(
        self,
        *,
        max_messages: int = BATCH_MESSAGES,
        max_bytes: int = BATCH_BYTES,
        max_delay: float = 0.01,
        timeout: float = 30.0,
    ) -> Producer:
        """Return what sends single messages in batches, from a thread of its own.

        A batch goes out once it has ``max_messages`` or ``max_bytes``, or its first message is
        ``max_delay`` seconds old. ``timeout`` is how long a batch may wait for room or a server.
        """
        return Producer(
            lambda payloads: self._send_some(payloads, timeout),
            max_messages=max_messages,
            max_bytes=max_bytes,
            max_delay=max_delay,
        )

    # -- receiving ---------------------------------------------------------------------------

    def dequeue(self, timeout: float = 0.0) -> Message | None:
        """Take the oldest message; None when none came in time."""
        body = self._call("GET", "dequeue", timeout, waits=True)
        return decode(body, Message) if body else None

    def dequeue_many(self, count: int, timeout: float = 0.0) -> Sequence[Message]:
        """Take up to ``count`` messages, oldest first, as soon as any is there."""
        body = self._call("GET", "dequeue", timeout, waits=True, count=count)
        return decode(body, Batch).messages if body else ()

    def peek(self, count: int = 1) -> Sequence[Message]:
        """Look at up to ``count`` of the oldest messages and take none. Raises QueueNotFound."""
        request = Request("GET", self._path("peek"), {"count": count}, harmless=True)
        return decode(self._transport.call(request), Batch).messages

    def consume(
        self,
        *,
        credit: int = 64,
        limit: int | None = None,
        reconnect_seconds: float | None = None,
    ) -> Consumer:
        """Return a stream of messages, pushed by the server as they become available.

        ``credit`` is how many messages may be on their way or here without having been handed out:
        they are lost if this process dies, and other consumers do not get them. The stream ends
        after ``limit`` messages and takes no more than these. When its connection breaks, it is
        made anew within ``reconnect_seconds`` (None: however long it takes).
        """
        return Consumer(
            self._transport,
            self._path("dequeue"),
            credit=credit,
            limit=limit,
            reconnect_seconds=reconnect_seconds,
        )

    # -- administration ------------------------------------------------------------------------

    def stats(self) -> QueueStats:
        """Return the queue's statistics. Raises QueueNotFound."""
        request = Request("GET", self._path(), harmless=True)
        return decode(self._transport.call(request), QueueStats)

    def create(self, capacity: int) -> bool:
        """Create the queue with a capacity of its own; False if it was there, with the same.

        Raises:
            QueueExists: it has another capacity.
        """
        body = b'{"capacity":%d}' % capacity
        return decode(
            self._transport.call(Request("PUT", self._path(), body=body)), Created
        ).created

    def purge(self) -> int:
        """Drop all messages and return how many. Raises QueueNotFound."""
        return decode(self._call("POST", "purge"), Purged).purged

    def delete(self) -> int:
        """Delete the queue, and return how many messages went with it. Raises QueueNotFound."""
        return decode(self._call("DELETE"), Deleted).dropped

    # -- helpers -----------------------------------------------------------------------------

    def _path(self, verb: str = "") -> str:
        return queue_path(self.name, verb)

    def _call(
        self,
        method: str,
        verb: str = "",
        timeout: float = 0.0,
        *,
        waits: bool = False,
        **parameters: int,
    ) -> bytes:
        request = Request(method, self._path(verb), parameters, waits=waits)
        return self._transport.call(request, timeout)

    def _send(self, body: bytes, timeout: float) -> Receipt:
        request = Request("POST", self._path("enqueue"), body=body, waits=True)
        return decode(self._transport.call(request, timeout), Receipt)

    def _send_all(self, all_batches: Iterator[Sequence[bytes]], timeout: float) -> int:
        sent = 0
        try:
            for batch in all_batches:
                rest = batch
                while rest:
                    count = self._send_some(rest, timeout)
                    sent += count
                    rest = rest[count:]
        except ZoldyQError as error:
            error.details = {**error.details, "enqueued": sent}
            raise
        return sent

    def _send_some(self, batch: Sequence[bytes], timeout: float) -> int:
        """Send a batch, or its first half if it is too large for this queue; return how many."""
        try:
            self._send(batch_body(batch), timeout)
        except (BatchExceedsCapacity, BodyTooLarge):
            # Nothing of it was queued.
            if len(batch) == 1:
                raise
            return self._send_some(batch[: len(batch) // 2], timeout)
        return len(batch)
