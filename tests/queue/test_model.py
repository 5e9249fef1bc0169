"""Any sequence of calls does what the plain model says; see ``model.py``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.queue.model import Consumer, Memory, Payloads, Producer, QueueModel, Refusal, cost
from tests.queue.places import texts
from zoldyq.contract.errors import (
    MaxQueuesReached,
    MemoryLimit,
    QueueExists,
    QueueNotFound,
    ShuttingDown,
    ZoldyQError,
)
from zoldyq.queue import (
    MESSAGE_OVERHEAD,
    MemoryBudget,
    Message,
    MessageQueue,
    QueueManager,
    QueueStats,
    RoomWaiter,
    Waiter,
)

sizes = st.integers(1, 5)
counts = st.integers(1, 4)
names = st.sampled_from(["a", "b", "c"])

MAX_BYTES = 7 * (MESSAGE_OVERHEAD + 2)


def outcome(call: Callable[[], object]) -> object:
    """Return what a call returns, or the class of the error that it raises."""
    try:
        return call()
    except ZoldyQError as error:
        return type(error)


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

    def see(self, messages: Sequence[Message], expected: Payloads) -> Sequence[Message]:
        """Check messages that came out; a time stamp never changes on the way."""
        assert texts(messages) == expected
        for message in messages:
            assert self.stamps.setdefault(message.payload, message.enqueued_at) == (
                message.enqueued_at
            )
        return messages

    def check(self, stats: QueueStats, model: QueueModel) -> None:
        assert (stats.size, stats.capacity, stats.bytes) == (
            len(model.messages),
            model.capacity,
            cost(model.messages),
        )
        assert (stats.enqueued_total, stats.put_back_total) == (
            model.enqueued,
            model.put_back_count,
        )
        assert (stats.dequeued_total, stats.purged_total) == (model.dequeued, model.purged)
        assert (stats.queue_full_total, stats.dequeue_timeout_total) == (model.full, model.timeouts)
        assert (stats.waiting_consumers, stats.waiting_producers) == (
            len(model.consumers),
            len(model.producers),
        )
        assert stats.enqueued_total + stats.put_back_total == (
            stats.dequeued_total + stats.purged_total + stats.size
        )
        assert not (model.messages and model.consumers), "somebody sleeps while a message lies here"


class QueueMachine(Machine):
    consumers: Bundle[tuple[Waiter, Consumer, Woken]] = Bundle("consumers")
    producers: Bundle[tuple[RoomWaiter, Producer, Woken]] = Bundle("producers")
    taken: Bundle[Sequence[Message]] = Bundle("taken")

    def __init__(self) -> None:
        super().__init__()
        self.budget = MemoryBudget(MAX_BYTES)
        self.queue = MessageQueue("emails", 4, self.budget)
        self.model = QueueModel(4, Memory(MAX_BYTES))
        self.places: list[tuple[Waiter, Consumer, Woken]] = []
        self.room_places: list[tuple[RoomWaiter, Producer, Woken]] = []

    @rule(size=sizes, waits=st.booleans())
    def offer(self, size: int, waits: bool) -> None:
        payloads = self.fresh(size)
        expected = self.model.offer(payloads, waits) or size
        assert outcome(lambda: self.queue.offer(payloads, waits=waits).count) == expected

    @rule()
    def enqueue(self) -> None:
        (payload,) = self.fresh(1)
        expected = self.model.offer([payload], waits=False) or 1
        assert outcome(lambda: self.queue.enqueue(payload).count) == expected

    @rule(target=taken, number=counts, waits=st.booleans())
    def poll(self, number: int, waits: bool) -> Sequence[Message]:
        delivery = self.queue.poll(number, waits=waits)
        expected = self.model.poll(number, waits)
        assert delivery.queue_size == len(self.model.messages)
        return self.see(delivery.messages, expected)

    @precondition(lambda self: self.model.messages or not self.model.closed)
    @rule(target=taken)
    def dequeue(self) -> Sequence[Message]:
        message = self.queue.dequeue()
        return self.see([message] if message else [], self.model.poll(1, waits=False))

    @rule(target=consumers, number=counts)
    def join(self, number: int) -> tuple[Waiter, Consumer, Woken]:
        consumer, woken = Consumer(number), Woken()
        waiter = Waiter(woken, number)
        woken.told |= self.queue.join(waiter)
        self.model.join(consumer)
        self.places.append((waiter, consumer, woken))
        return self.places[-1]

    @rule(target=taken, place=consumers, expired=st.booleans())
    def leave(self, place: tuple[Waiter, Consumer, Woken], expired: bool) -> Sequence[Message]:
        waiter, consumer, _ = place
        messages = self.queue.leave(waiter, expired=expired).messages
        return self.see(messages, self.model.leave(consumer, expired))

    @rule(target=producers, size=st.integers(1, 4))
    def join_for_room(self, size: int) -> tuple[RoomWaiter, Producer, Woken]:
        payloads, woken = self.fresh(size), Woken()
        producer, waiter = Producer(payloads), RoomWaiter(woken, payloads)
        woken.told |= self.queue.join_for_room(waiter)
        self.model.join_for_room(producer)
        self.room_places.append((waiter, producer, woken))
        return self.room_places[-1]

    @rule(place=producers)
    def leave_room(self, place: tuple[RoomWaiter, Producer, Woken]) -> None:
        waiter, producer, _ = place
        expected = self.model.leave_room(producer)
        assert outcome(lambda: self.queue.leave_room(waiter).count) == expected

    @rule(messages=consumes(taken), kept=st.integers(0, 2))
    def put_back(self, messages: Sequence[Message], kept: int) -> None:
        returned = messages[kept:]
        assert self.queue.put_back(returned) == self.model.put_back(texts(returned))

    @rule()
    def purge(self) -> None:
        assert self.queue.purge() == self.model.purge()

    @precondition(lambda self: len(self.stamps) > 8)
    @rule(discard=st.booleans())
    def close(self, discard: bool) -> None:
        assert self.queue.close(discard=discard) == self.model.close(discard)

    @invariant()
    def agrees_with_the_model(self) -> None:
        self.check(self.queue.stats(), self.model)
        self.see(self.queue.peek(100).messages, self.model.messages)
        assert self.budget.used == self.model.memory.used

    @invariant()
    def nobody_sleeps_who_has_something_to_see(self) -> None:
        closed = self.model.closed
        for _, consumer, woken in self.places:
            ended = closed and consumer in self.model.consumers
            assert woken.told or not (consumer.given or ended)
        for _, producer, woken in self.room_places:
            ended = closed and producer in self.model.producers
            decided = producer.outcome is MemoryLimit or isinstance(producer.outcome, int)
            assert woken.told or not (decided or ended)


class ManagerMachine(Machine):
    """At most two of three names exist at a time, so that they come and go."""

    consumers: Bundle[tuple[Waiter, Consumer, QueueModel]] = Bundle("consumers")
    producers: Bundle[tuple[RoomWaiter, Producer, QueueModel]] = Bundle("producers")
    taken: Bundle[tuple[str, Sequence[Message]]] = Bundle("taken")

    @initialize()
    def begin(self) -> None:
        self.manager = QueueManager(default_capacity=3, max_queues=2, max_bytes=MAX_BYTES)
        self.memory = Memory(MAX_BYTES)
        self.existing: dict[str, QueueModel] = {}
        self.awaited: dict[str, QueueModel] = {}
        self.dropped = {"deleted": 0, "shutdown": 0}
        self.draining = False

    def bring_into_being(self, name: str, capacity: int) -> QueueModel | Refusal:
        if self.draining:
            return ShuttingDown
        if len(self.existing) == 2:
            return MaxQueuesReached
        model = self.awaited.pop(name, None) or QueueModel(capacity, self.memory)
        model.capacity = capacity
        self.existing[name] = model
        return model

    def model_of_offer(self, name: str, payloads: Payloads, waits: bool) -> Refusal | int:
        known = name in self.existing or name in self.awaited
        model = self.existing.get(name) or self.bring_into_being(name, 3)
        if not isinstance(model, QueueModel):
            return model
        if self.draining:
            return ShuttingDown
        refusal = model.offer(payloads, waits)
        if refusal is not None and not known:
            del self.existing[name]
        return refusal or len(payloads)

    @rule(name=names, size=sizes, waits=st.booleans())
    def offer(self, name: str, size: int, waits: bool) -> None:
        payloads = self.fresh(size)
        expected = self.model_of_offer(name, payloads, waits)
        assert outcome(lambda: self.manager.offer(name, payloads, waits=waits).count) == expected

    @rule(target=taken, name=names, number=counts)
    def poll(self, name: str, number: int) -> tuple[str, Sequence[Message]]:
        model = self.existing.get(name)
        expected = model.poll(number, waits=False) if model else []
        return name, self.see(self.manager.poll(name, number).messages, expected)

    @rule(target=consumers, name=names, number=counts)
    def join(self, name: str, number: int) -> tuple[Waiter, Consumer, QueueModel]:
        consumer, waiter = Consumer(number), Waiter(Woken(), number)
        model = self.existing.get(name) or self.awaited.get(name)
        if model is None:
            model = self.awaited[name] = QueueModel(3, self.memory, closed=self.draining)
        self.manager.join(name, waiter)
        model.join(consumer)
        return waiter, consumer, model

    @rule(target=taken, place=consumers, expired=st.booleans())
    def leave(
        self, place: tuple[Waiter, Consumer, QueueModel], expired: bool
    ) -> tuple[str, Sequence[Message]]:
        waiter, consumer, model = place
        expected = model.leave(consumer, expired)
        for name, awaited in list(self.awaited.items()):
            if not awaited.consumers:
                del self.awaited[name]
        messages = self.manager.leave(waiter, expired=expired).messages
        assert waiter.queue is not None
        return waiter.queue.name, self.see(messages, expected)

    @rule(target=producers, name=names)
    def join_for_room(self, name: str) -> tuple[RoomWaiter, Producer, QueueModel]:
        payloads = self.fresh(2)
        producer, waiter = Producer(payloads), RoomWaiter(Woken(), payloads)
        model = self.existing.get(name) or QueueModel(3, self.memory, closed=True)
        self.manager.join_for_room(name, waiter)
        model.join_for_room(producer)
        return waiter, producer, model

    @rule(place=producers)
    def leave_room(self, place: tuple[RoomWaiter, Producer, QueueModel]) -> None:
        waiter, producer, model = place
        expected = model.leave_room(producer)
        if model.closed and self.draining and not isinstance(expected, int):
            expected = expected if expected.code != "queue_closed" else ShuttingDown
        assert outcome(lambda: self.manager.leave_room(waiter).count) == expected

    @rule(place=consumes(taken))
    def put_back(self, place: tuple[str, Sequence[Message]]) -> None:
        name, messages = place
        model = self.existing.get(name)
        kept = model.put_back(texts(messages)) if model else 0
        self.dropped["shutdown" if self.draining else "deleted"] += len(messages) - kept
        self.manager.put_back(name, messages)

    @rule(name=names)
    def purge(self, name: str) -> None:
        model = self.existing.get(name)
        expected = model.purge() if model else QueueNotFound
        assert outcome(lambda: self.manager.purge(name)) == expected

    @rule(name=names, capacity=st.integers(1, 4))
    def create(self, name: str, capacity: int) -> None:
        expected: object
        if name in self.existing:
            expected = QueueExists if self.existing[name].capacity != capacity else False
        else:
            model = self.bring_into_being(name, capacity)
            expected = True if isinstance(model, QueueModel) else model
        assert outcome(lambda: self.manager.create(name, capacity)) == expected

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
            model.close(discard=False)
        self.manager.drain()

    @precondition(lambda self: self.draining)
    @rule()
    def close(self) -> None:
        held = {name: model.close(discard=True) for name, model in self.existing.items()}
        self.dropped["shutdown"] += sum(held.values())
        assert self.manager.close() == {name: number for name, number in held.items() if number}

    @invariant()
    def agrees_with_the_model(self) -> None:
        stats = {each.name: each for each in self.manager.all_stats()}
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
