"""What a queue does, told as simply as possible: lists, no locks, no hand-over tricks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from zoldyq.contract.errors import (
    BatchExceedsCapacity,
    MemoryLimit,
    QueueClosed,
    QueueFull,
    ShuttingDown,
    ZoldyQError,
)
from zoldyq.queue import MESSAGE_OVERHEAD

Payloads = list[bytes]
Refusal = type[ZoldyQError]


def cost(payloads: Sequence[bytes]) -> int:
    return sum(map(len, payloads)) + MESSAGE_OVERHEAD * len(payloads)


@dataclass(eq=False)
class Consumer:
    count: int
    given: Payloads = field(default_factory=list)


@dataclass(eq=False)
class Producer:
    payloads: Payloads
    outcome: Refusal | int | None = None  # how many were taken, or why none


@dataclass
class Memory:
    limit: int
    used: int = 0


@dataclass
class QueueModel:
    capacity: int
    memory: Memory
    messages: Payloads = field(default_factory=list)
    consumers: list[Consumer] = field(default_factory=list)
    producers: list[Producer] = field(default_factory=list)
    closed: bool = False
    stopping: bool = False
    discarding: bool = False
    enqueued: int = 0
    dequeued: int = 0
    full: int = 0
    timeouts: int = 0
    put_back_count: int = 0
    purged: int = 0

    def enqueue(self, payloads: Payloads, waits: bool) -> Refusal | Producer | None:
        """Return why the messages are refused or who stands in line, None if they are taken."""
        if self.closed:
            return self._end()
        if len(payloads) > self.capacity:
            return BatchExceedsCapacity
        if self.producers or len(self.messages) + len(payloads) > self.capacity:
            if waits:
                self.producers.append(Producer(payloads))
                return self.producers[-1]
            self.full += 1
            return QueueFull
        return self._take_in(payloads)

    def leave_producers(self, producer: Producer, expired: bool) -> Refusal | int:
        if producer in self.producers:
            self.producers.remove(producer)
            producer.outcome = self._why_not(producer)
            self.full += expired and not self.closed
            self._settle()
        assert producer.outcome is not None
        return producer.outcome

    def _end(self) -> Refusal:
        return ShuttingDown if self.stopping else QueueClosed

    def _why_not(self, producer: Producer) -> Refusal:
        if self.closed:
            return self._end()
        return BatchExceedsCapacity if len(producer.payloads) > self.capacity else QueueFull

    def dequeue(self, count: int, waits: bool) -> Payloads | Consumer:
        if self.messages or (self.closed and waits):
            return self._give(count)
        if waits:
            self.consumers.append(Consumer(count))
            return self.consumers[-1]
        self.timeouts += 1
        return []

    def leave_consumers(self, consumer: Consumer, expired: bool) -> Payloads:
        if consumer in self.consumers:
            self.consumers.remove(consumer)
            self.timeouts += expired
        given, consumer.given = consumer.given, []
        return given

    def put_back(self, payloads: Payloads) -> int:
        """Put each message back where it was: payloads are numbers, in order of arrival."""
        if self.discarding:
            return 0
        self.put_back_count += len(payloads)
        rest = self._serve_line(payloads)
        self.messages = sorted(self.messages + rest, key=int)
        self.memory.used += cost(rest)
        return len(payloads)

    def purge(self) -> int:
        purged = len(self.messages)
        self.purged += purged
        self.memory.used -= cost(self.messages)
        self.messages.clear()
        self._settle()
        return purged

    def close(self, discard: bool, stopping: bool = False) -> int:
        self.closed = True
        self.stopping = stopping
        self.discarding |= discard
        return self.purge() if discard else 0

    def _take_in(self, payloads: Payloads) -> Refusal | None:
        wanted = sum(consumer.count for consumer in self.consumers)
        if self.memory.used + cost(payloads[wanted:]) > self.memory.limit and payloads[wanted:]:
            return MemoryLimit
        rest = self._serve_line(payloads)
        self.messages += rest
        self.memory.used += cost(rest)
        self.enqueued += len(payloads)
        return None

    def _serve_line(self, payloads: Payloads) -> Payloads:
        rest = list(payloads)
        while rest and self.consumers:
            consumer = self.consumers.pop(0)
            consumer.given, rest = rest[: consumer.count], rest[consumer.count :]
            self.dequeued += len(consumer.given)
        return rest

    def _give(self, count: int) -> Payloads:
        given, self.messages = self.messages[:count], self.messages[count:]
        self.memory.used -= cost(given)
        self.dequeued += len(given)
        self._settle()
        return given

    def _settle(self) -> None:
        """Let producers in, in order, as long as the first of them fits."""
        while self.producers and not self.closed:
            first = self.producers[0]
            if len(first.payloads) > self.capacity:
                self.producers.pop(0)
                first.outcome = BatchExceedsCapacity
                continue
            if len(self.messages) + len(first.payloads) > self.capacity:
                return
            self.producers.pop(0)
            first.outcome = self._take_in(first.payloads) or len(first.payloads)
