"""What a queue does, told as simply as possible: lists, no locks, no hand-over tricks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from zoldyq.contract.errors import (
    BatchExceedsCapacity,
    MemoryLimit,
    MessageTooLarge,
    QueueClosed,
    QueueFull,
    ShuttingDown,
    ZoldyQError,
)
from zoldyq.contract.policy import Policy
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
    ttl: int | None = None
    outcome: Refusal | int | None = None  # how many were taken, or why none


@dataclass
class Memory:
    limit: int
    used: int = 0


@dataclass
class Clock:
    """Microseconds since the epoch, which pass when the test says so."""

    now: int = 1_000_000_000


@dataclass
class QueueModel:
    policy: Policy
    memory: Memory
    clock: Clock = field(default_factory=Clock)
    messages: Payloads = field(default_factory=list)
    #: When each message came, and what lifetime it brought along, in microseconds.
    born: dict[bytes, tuple[int, int | None]] = field(default_factory=dict)
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
    expired: int = 0
    dropped: int = 0

    def lives(self, payload: bytes) -> bool:
        at, own = self.born.get(payload, (self.clock.now, None))  # it may come from a predecessor
        ttl = self.policy.ttl_seconds
        lifetimes = [own, None if ttl is None else int(ttl * 1_000_000)]
        return all(each is None or self.clock.now < at + each for each in lifetimes)

    def expire(self) -> None:
        """Drop what has expired at the head, as is done before anything else."""
        count = len(list(takewhile(lambda payload: not self.lives(payload), self.messages)))
        self.expired += self._remove(count)
        self._settle()

    def visible(self) -> Payloads:
        return list(filter(self.lives, self.messages))

    def enqueue(
        self, payloads: Payloads, waits: bool, ttl: int | None = None
    ) -> Refusal | Producer | None:
        """Return why the messages are refused or who stands in line, None if they are taken."""
        if self.closed:
            return self._end()
        refusal = self._never_fits(payloads)
        if refusal is not None:
            return refusal
        if (self.producers or self._surplus(payloads)) and self.policy.overflow == "reject":
            if waits:
                self.producers.append(Producer(payloads, ttl))
                return self.producers[-1]
            self.full += 1
            return QueueFull
        return self._take_in(payloads, ttl)

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
        return self._never_fits(producer.payloads) or QueueFull

    def _never_fits(self, payloads: Payloads) -> Refusal | None:
        if len(payloads) > self.policy.capacity:
            return BatchExceedsCapacity
        if self.policy.max_bytes is None or cost(payloads) <= self.policy.max_bytes:
            return None
        return MessageTooLarge if len(payloads) == 1 else BatchExceedsCapacity

    def _surplus(self, payloads: Payloads) -> int:
        """Return how many of the oldest have to go for these."""
        for count in range(len(self.messages) + 1):
            rest = self.messages[count:] + payloads
            bound = self.policy.max_bytes
            if len(rest) <= self.policy.capacity and (bound is None or cost(rest) <= bound):
                return count
        raise AssertionError("what never fits was refused before")

    def update(self, policy: Policy) -> None:
        self.policy = policy
        self.expire()
        if policy.overflow == "drop_oldest":
            self.dropped += self._remove(self._surplus([]))
        self._settle()

    def dequeue(self, count: int, waits: bool) -> Payloads | Consumer:
        if self.visible() or (self.closed and waits):
            return self._give(count)
        self._give(count)
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
        living = list(filter(self.lives, payloads))
        self.expired += len(payloads) - len(living)
        rest = self._serve_line(living)
        self.messages = sorted(self.messages + rest, key=int)
        self.memory.used += cost(rest)
        return len(payloads)

    def purge(self) -> int:
        purged = self._remove(len(self.messages))
        self.purged += purged
        self._settle()
        return purged

    def close(self, discard: bool, stopping: bool = False) -> int:
        self.closed = True
        self.stopping = stopping
        self.discarding |= discard
        return self.purge() if discard else 0

    def _remove(self, count: int) -> int:
        gone, self.messages = self.messages[:count], self.messages[count:]
        self.memory.used -= cost(gone)
        return len(gone)

    def _take_in(self, payloads: Payloads, ttl: int | None) -> Refusal | None:
        surplus = self._surplus(payloads)
        wanted = sum(consumer.count for consumer in self.consumers)
        more = cost(payloads[wanted:]) - cost(self.messages[:surplus])
        if self.memory.used + more > self.memory.limit and payloads[wanted:]:
            return MemoryLimit
        self.dropped += self._remove(surplus)
        self.born |= dict.fromkeys(payloads, (self.clock.now, ttl))
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
        """Hand out living messages from the head; the expired ones between them go."""
        given: Payloads = []
        while self.messages and len(given) < count:
            if self.lives(self.messages[0]):
                given.append(self.messages[0])
            else:
                self.expired += 1
            self._remove(1)
        self.dequeued += len(given)
        self._settle()
        return given

    def _settle(self) -> None:
        """Let producers in, in order, as long as the first of them fits."""
        while self.producers and not self.closed:
            first = self.producers[0]
            refusal = self._never_fits(first.payloads)
            if (
                refusal is None
                and self._surplus(first.payloads)
                and (self.policy.overflow == "reject")
            ):
                return
            self.producers.pop(0)
            first.outcome = (
                refusal or self._take_in(first.payloads, first.ttl) or len(first.payloads)
            )
