"""Any sequence of calls does what the plain model says; see ``model.py``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from tests.queue.model import Clock, Consumer, Memory, Payloads, Producer, QueueModel, Refusal, cost
from tests.queue.places import texts
from zoldyq.contract.errors import (
    MaxQueuesReached,
    MemoryLimit,
    QueueExists,
    QueueNotFound,
    ShuttingDown,
    ZoldyQError,
)
from zoldyq.contract.policy import Policy
from zoldyq.queue import (
    MESSAGE_OVERHEAD,
    ConsumerPlace,
    Delivery,
    MemoryBudget,
    Message,
    MessageQueue,
    ProducerPlace,
    QueueManager,
    QueueStats,
    Receipt,
)
from zoldyq.queue.store import CLOSED

sizes = st.integers(1, 5)
counts = st.integers(1, 4)
lifetimes = st.sampled_from([None, None, 1, 1_000_000, 3_000_000])
names = st.sampled_from(["a", "b", "c"])

MAX_BYTES = 7 * (MESSAGE_OVERHEAD + 2)


def outcome(call: Callable[[], object]) -> object:
    """Return what a call returns, or the class of the error that it raises."""
    try:
        return call()
    except ZoldyQError as error:
        return type(error)


def assert_accepted_or_refused(got: object, expected: object, count: int) -> None:
    """Check an enqueue that has not to wait; nothing is expected of one that succeeds."""
    if expected is None:
        assert isinstance(got, Receipt)
        assert got.count == count
    else:
        assert got is expected


class Woken:
    """Remembers whether it was told to look."""

    def __init__(self) -> None:
        self.told = False

    def __call__(self) -> None:
        self.told = True


class Machine(RuleBasedStateMachine):
    """Payloads that are all different, and what both machines below check alike."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = count()
        self.stamps: dict[bytes, int] = {}

    def fresh(self, size: int) -> Payloads:
        return [b"%d" % next(self.numbers) for _ in range(size)]

    def see(self, messages: Sequence[Message], expected: object) -> None:
        """Check messages that came out; a time stamp never changes on the way."""
        assert texts(messages) == expected
        for message in messages:
            assert self.stamps.setdefault(message.payload, message.enqueued_at) == (
                message.enqueued_at
            )

    def check(self, stats: QueueStats, model: QueueModel) -> None:
        assert (stats.size, stats.capacity, stats.bytes) == (
            len(model.messages),
            model.policy.capacity,
            cost(model.messages),
        )
        assert (stats.enqueued_total, stats.put_back_total) == (
            model.enqueued,
            model.put_back_count,
        )
        assert (stats.dequeued_total, stats.purged_total) == (model.dequeued, model.purged)
        assert (stats.expired_total, stats.overflow_dropped_total) == (model.expired, model.dropped)
        assert (stats.queue_full_total, stats.dequeue_timeout_total) == (model.full, model.timeouts)
        assert (stats.waiting_consumers, stats.waiting_producers) == (
            len(model.consumers),
            len(model.producers),
        )
        assert stats.enqueued_total + stats.put_back_total == (
            stats.dequeued_total
            + stats.purged_total
            + stats.expired_total
            + stats.overflow_dropped_total
            + stats.size
        )
        assert not (model.messages and model.consumers), "somebody sleeps while a message lies here"


class QueueMachine(Machine):
    consumers: Bundle[tuple[ConsumerPlace, Consumer]] = Bundle("consumers")
    producers: Bundle[tuple[ProducerPlace, Producer]] = Bundle("producers")
    out: Bundle[Delivery] = Bundle("out")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.patch = pytest.MonkeyPatch()
        for module in ("store", "lifetimes", "waiting", "message_queue", "quick"):
            self.patch.setattr(f"zoldyq.queue.{module}.now_us", lambda: self.clock.now)
        self.patch.setattr("zoldyq.queue.store.time_ns", lambda: self.clock.now * 1000)
        self.patch.setattr("zoldyq.queue.quick.time_ns", lambda: self.clock.now * 1000)
        self.budget = MemoryBudget(MAX_BYTES)
        policy = Policy(capacity=4)
        self.queue = MessageQueue("emails", policy=policy, budget=self.budget)
        self.model = QueueModel(policy, Memory(MAX_BYTES), self.clock)
        self.places: list[tuple[ConsumerPlace, Consumer, Woken]] = []
        self.room_places: list[tuple[ProducerPlace, Producer, Woken]] = []

    def teardown(self) -> None:
        self.patch.undo()

    @rule(microseconds=st.sampled_from([1, 500_000, 1_000_000, 3_000_000, 60_000_000]))
    def time_passes(self, microseconds: int) -> None:
        self.clock.now += microseconds
        self.model.expire()

    @rule(
        capacity=st.integers(1, 5),
        max_bytes=st.sampled_from([None, None, 2 * (MESSAGE_OVERHEAD + 2)]),
        ttl_seconds=st.sampled_from([None, None, 0.000001, 1, 2.5, 60]),
        overflow=st.sampled_from(["reject", "drop_oldest"]),
    )
    def update(self, **given: Any) -> None:
        policy = Policy(**given)
        changed = policy != self.model.policy
        self.model.update(policy)
        assert self.queue.update(given) == (changed, policy)

    @rule(target=producers, size=sizes, waits=st.booleans(), ttl=lifetimes)
    def begin_enqueue(self, size: int, waits: bool, ttl: int | None) -> object:
        payloads, woken = self.fresh(size), Woken()
        wake = woken if waits else None
        expected = self.model.enqueue(payloads, waits, ttl)
        dropped = self.queue.stats().overflow_dropped_total
        got = outcome(lambda: self.queue.begin_enqueue(payloads, ttl=ttl, wake=wake))
        if isinstance(expected, Producer):
            assert isinstance(got, ProducerPlace)
            self.room_places.append((got, expected, woken))
            return got, expected
        assert_accepted_or_refused(got, expected, size)
        if isinstance(got, Receipt):
            assert got.dropped == self.model.dropped - dropped
        return multiple()

    @rule()
    def enqueue(self) -> None:
        (payload,) = self.fresh(1)
        expected = self.model.enqueue([payload], waits=False)
        assert_accepted_or_refused(outcome(lambda: self.queue.enqueue(payload)), expected, 1)

    @rule(target=out, number=counts)
    def take(self, number: int) -> Delivery:
        delivery = self.queue.begin_dequeue(number)
        assert isinstance(delivery, Delivery)
        self.see(delivery.messages, self.model.dequeue(number, waits=False))
        assert delivery.queue_size >= len(self.model.messages)
        return delivery

    @precondition(lambda self: not (self.model.visible() or self.model.closed))
    @rule(target=consumers, number=counts)
    def stand_in_line(self, number: int) -> tuple[ConsumerPlace, Consumer]:
        woken = Woken()
        place = self.queue.begin_dequeue(number, wake=woken)
        consumer = self.model.dequeue(number, waits=True)
        assert isinstance(place, ConsumerPlace)
        assert isinstance(consumer, Consumer)
        self.places.append((place, consumer, woken))
        return place, consumer

    @precondition(lambda self: self.model.visible() or self.model.closed)
    @rule(target=out, number=counts)
    def need_not_wait(self, number: int) -> Delivery:
        delivery = self.queue.begin_dequeue(number, wake=Woken())
        assert isinstance(delivery, Delivery)
        self.see(delivery.messages, self.model.dequeue(number, waits=True))
        return delivery

    @precondition(lambda self: self.model.visible() or not self.model.closed)
    @rule()
    def dequeue(self) -> None:
        message = self.queue.dequeue()
        self.see([message] if message else [], self.model.dequeue(1, waits=False))

    @rule(target=out, place=consumers, expired=st.booleans())
    def leave_consumers(self, place: tuple[ConsumerPlace, Consumer], expired: bool) -> Delivery:
        delivery = place[0].leave(expired)
        self.see(delivery.messages, self.model.leave_consumers(place[1], expired))
        return delivery

    @rule(place=producers, expired=st.booleans())
    def leave_producers(self, place: tuple[ProducerPlace, Producer], expired: bool) -> None:
        expected = self.model.leave_producers(place[1], expired)
        assert outcome(lambda: place[0].leave(expired).count) == expected

    @rule(delivery=consumes(out), kept=st.integers(0, 2))
    def put_back(self, delivery: Delivery, kept: int) -> None:
        back = delivery.rest(kept)
        assert self.queue.put_back(back) == self.model.put_back(texts(back.messages))

    @rule()
    def purge(self) -> None:
        assert self.queue.purge() == self.model.purge()

    @precondition(lambda self: len(self.stamps) > 8)
    @rule(discard=st.booleans(), stopping=st.booleans())
    def close(self, discard: bool, stopping: bool) -> None:
        closed = self.queue.close(discard=discard, stopping=stopping)
        assert closed == self.model.close(discard, stopping)

    @invariant()
    def agrees_with_the_model(self) -> None:
        self.model.expire()  # what came to the head by the last call
        self.check(self.queue.stats(), self.model)
        self.see(self.queue.peek(100).messages, self.model.visible())
        assert self.budget.used == self.model.memory.used

    @invariant()
    def nobody_sleeps_who_has_something_to_see(self) -> None:
        closed = self.model.closed
        for place, consumer, woken in self.places:
            ended = closed and consumer in self.model.consumers
            assert woken.told or not (consumer.given or ended)
            assert woken.told == place.settled
        for room, producer, woken in self.room_places:
            ended = closed and producer in self.model.producers
            decided = producer.outcome is MemoryLimit or isinstance(producer.outcome, int)
            assert woken.told or not (decided or ended)
            assert room.settled or not woken.told

    @invariant()
    def the_quick_ways_are_open_where_they_may_be(self) -> None:
        queue, model = self.queue, self.model
        assert queue._detour_in == bool(
            model.consumers or model.producers or model.closed or model.policy.max_bytes
        )
        assert (queue._detour_out == CLOSED) == bool(model.producers or queue._numbers)


class ManagerMachine(Machine):
    """At most two of three names exist at a time, so that they come and go."""

    consumers: Bundle[tuple[str, ConsumerPlace, Consumer, QueueModel]] = Bundle("consumers")
    producers: Bundle[tuple[ProducerPlace, Producer, QueueModel]] = Bundle("producers")
    out: Bundle[tuple[str, Delivery]] = Bundle("out")

    @initialize()
    def begin(self) -> None:
        self.manager = QueueManager(default_capacity=3, max_queues=2, max_bytes=MAX_BYTES)
        self.memory = Memory(MAX_BYTES)
        self.existing: dict[str, QueueModel] = {}
        self.awaited: dict[str, QueueModel] = {}
        self.dropped = {"deleted": 0, "shutdown": 0}
        self.draining = False

    def model_of_creation(self, name: str, capacity: int) -> QueueModel | Refusal:
        if self.draining:
            return ShuttingDown
        if len(self.existing) == 2:
            return MaxQueuesReached
        policy = Policy(capacity=capacity)
        model = self.awaited.pop(name, None) or QueueModel(policy, self.memory)
        model.policy = policy
        self.existing[name] = model
        return model

    def model_of_enqueue(
        self, name: str, payloads: Payloads, waits: bool
    ) -> Refusal | Producer | None:
        known = name in self.existing or name in self.awaited
        model = self.existing.get(name) or self.model_of_creation(name, 3)
        if not isinstance(model, QueueModel):
            return model
        if self.draining:
            return ShuttingDown
        refusal = model.enqueue(payloads, waits)
        if refusal is not None and not known:
            del self.existing[name]
        return refusal

    @rule(target=producers, name=names, size=sizes, waits=st.booleans())
    def begin_enqueue(self, name: str, size: int, waits: bool) -> object:
        payloads, wake = self.fresh(size), Woken() if waits else None
        expected = self.model_of_enqueue(name, payloads, waits)
        got = outcome(lambda: self.manager.begin_enqueue(name, payloads, wake=wake))
        if isinstance(expected, Producer):
            assert isinstance(got, ProducerPlace)
            return got, expected, self.existing[name]
        assert_accepted_or_refused(got, expected, size)
        return multiple()

    @rule(target=out, name=names, number=counts)
    def take(self, name: str, number: int) -> tuple[str, Delivery]:
        model = self.existing.get(name)
        delivery = self.manager.begin_dequeue(name, number)
        assert isinstance(delivery, Delivery)
        self.see(delivery.messages, model.dequeue(number, waits=False) if model else [])
        return name, delivery

    @rule(target=consumers, name=names, number=counts)
    def stand_in_line(self, name: str, number: int) -> object:
        model = self.existing.get(name) or self.awaited.get(name)
        if model is None:
            model = QueueModel(
                Policy(capacity=3), self.memory, closed=self.draining, stopping=self.draining
            )
            self.awaited[name] = model
        expected = model.dequeue(number, waits=True)
        got = self.manager.begin_dequeue(name, number, wake=Woken())
        if isinstance(expected, Consumer):
            assert isinstance(got, ConsumerPlace)
            return name, got, expected, model
        assert isinstance(got, Delivery)
        self.see(got.messages, expected)
        return multiple()

    @rule(target=out, place=consumers, expired=st.booleans())
    def leave_consumers(
        self, place: tuple[str, ConsumerPlace, Consumer, QueueModel], expired: bool
    ) -> tuple[str, Delivery]:
        name, real, consumer, model = place
        expected = model.leave_consumers(consumer, expired)
        for other, awaited in list(self.awaited.items()):
            if not awaited.consumers:
                del self.awaited[other]
        delivery = real.leave(expired)
        self.see(delivery.messages, expected)
        return name, delivery

    @rule(place=producers, expired=st.booleans())
    def leave_producers(
        self, place: tuple[ProducerPlace, Producer, QueueModel], expired: bool
    ) -> None:
        real, producer, model = place
        expected = model.leave_producers(producer, expired)
        assert outcome(lambda: real.leave(expired).count) == expected

    @rule(place=consumes(out))
    def put_back(self, place: tuple[str, Delivery]) -> None:
        name, delivery = place
        model = self.existing.get(name)
        count = len(delivery.messages)
        kept = model.put_back(texts(delivery.messages)) if model and count else 0
        self.dropped["shutdown" if self.draining else "deleted"] += count - kept
        self.manager.put_back(name, delivery)

    @rule(name=names)
    def purge(self, name: str) -> None:
        model = self.existing.get(name)
        expected = model.purge() if model else QueueNotFound
        assert outcome(lambda: self.manager.purge(name)) == expected

    @rule(name=names, capacity=st.integers(1, 4))
    def create(self, name: str, capacity: int) -> None:
        expected: object
        if name in self.existing:
            expected = QueueExists if self.existing[name].policy.capacity != capacity else False
        else:
            model = self.model_of_creation(name, capacity)
            expected = True if isinstance(model, QueueModel) else model
        assert outcome(lambda: self.manager.create(name, capacity=capacity).changed) == expected

    @rule(name=names)
    def delete(self, name: str) -> None:
        model = self.existing.pop(name, None)
        expected = model.close(discard=True) if model else QueueNotFound
        if isinstance(expected, int):
            self.dropped["deleted"] += expected
        assert outcome(lambda: self.manager.delete(name)) == expected

    @precondition(lambda self: len(self.stamps) > 8)
    @rule()
    def drain(self) -> None:
        self.draining = True
        for model in (*self.existing.values(), *self.awaited.values()):
            model.close(discard=False, stopping=True)
        self.manager.drain()

    @precondition(lambda self: self.draining)
    @rule()
    def close(self) -> None:
        held = {name: model.close(True, stopping=True) for name, model in self.existing.items()}
        self.dropped["shutdown"] += sum(held.values())
        assert self.manager.close() == {name: number for name, number in held.items() if number}

    @invariant()
    def agrees_with_the_model(self) -> None:
        stats = dict(self.manager.all_stats())
        assert list(stats) == sorted(self.existing)
        for name, model in self.existing.items():
            self.check(stats[name], model)
            self.see(self.manager.peek(name, 100).messages, model.messages)
        assert self.manager.dropped == self.dropped
        used = self.memory.used
        assert self.manager.memory_full == (used + MESSAGE_OVERHEAD >= MAX_BYTES)


TestQueue = QueueMachine.TestCase
TestManager = ManagerMachine.TestCase
TestQueue.settings = TestManager.settings = settings(max_examples=60, stateful_step_count=60)
