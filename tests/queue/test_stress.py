"""Many threads at once, every message with an identity: none lost, none twice, none overtaken."""

from __future__ import annotations

import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.helpers import run_all
from tests.queue.places import ignore, taken
from zoldyq.contract.errors import QueueClosed, QueueFull
from zoldyq.queue import ConsumerPlace, Message, MessageQueue, ProducerPlace, QueueManager

PRODUCERS = 4
CONSUMERS = 4

#: What one consumer received, as (producer, number) in the order in which it came.
Received = list[tuple[int, int]]


@pytest.fixture(params=[None, 1e-6], ids=["usual", "switching-often"], autouse=True)
def _switch_interval(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run as usual, and with threads taking turns as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(request.param or before)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def queue() -> MessageQueue:
    return MessageQueue("stress", capacity=20)


def payload(producer: int, number: int) -> bytes:
    return b"%d:%d" % (producer, number)


def identity(message: Message) -> tuple[int, int]:
    producer, number = message.payload.split(b":")
    return int(producer), int(number)


def produce_and_consume(
    queue: MessageQueue,
    produce: Callable[[int], object],
    consume: Callable[[], Received],
    *disturb: Callable[[threading.Event], object],
) -> list[Received]:
    """Run everybody at once until all producers are done and the queue is empty.

    The last producer to end closes the queue: consumers take what is left and end. Those who
    disturb get an event that is set when it is time for them to end.
    """
    over = threading.Event()
    busy = threading.Semaphore(PRODUCERS - 1)

    def producer(number: int) -> Received:
        try:
            produce(number)
        finally:
            if not busy.acquire(blocking=False):
                over.set()
                queue.close()
        return []

    def disturber(function: Callable[[threading.Event], object]) -> Received:
        function(over)
        return []

    return run_all(
        [
            *(lambda number=number: producer(number) for number in range(PRODUCERS)),
            *[consume] * CONSUMERS,
            *(lambda function=function: disturber(function) for function in disturb),
        ]
    )


def until_closed(queue: MessageQueue, take: Callable[[Received], object]) -> Received:
    """Call ``take`` until the queue is closed and has nothing left."""
    received: Received = []
    try:
        while True:
            take(received)
    except QueueClosed:
        return received


def assert_exactly_once(received: list[Received], each: int) -> None:
    everything = sorted(message for one in received for message in one)
    assert everything == [(p, n) for p in range(PRODUCERS) for n in range(each)]


def assert_in_order(received: list[Received]) -> None:
    """Each consumer saw what each producer sent in the order in which it was sent."""
    for one in received:
        numbers = defaultdict(list)
        for producer, number in one:
            numbers[producer].append(number)
        assert all(seen == sorted(seen) for seen in numbers.values())


def test_threads_that_wait_on_both_ends(queue: MessageQueue) -> None:
    each = 5_000

    def produce(producer: int) -> None:
        for number in range(each):
            queue.enqueue(payload(producer, number), timeout=None)

    def take(received: Received) -> None:
        message = queue.dequeue(timeout=None)
        assert message is not None
        received.append(identity(message))

    received = produce_and_consume(queue, produce, lambda: until_closed(queue, take))
    assert_exactly_once(received, each)
    assert_in_order(received)


def test_batches_on_both_ends(queue: MessageQueue) -> None:
    each = 9_000

    def produce(producer: int) -> None:
        number = 0
        while number < each:
            size = 1 + number % 17
            batch = [payload(producer, n) for n in range(number, min(number + size, each))]
            queue.enqueue_many(batch, timeout=None)
            number += len(batch)

    def take(received: Received) -> None:
        received.extend(map(identity, queue.dequeue_many(7, timeout=None)))

    received = produce_and_consume(queue, produce, lambda: until_closed(queue, take))
    assert_exactly_once(received, each)
    assert_in_order(received)


def test_racing_timeouts(queue: MessageQueue) -> None:
    """Both ends give up all the time, often in the moment in which they are served."""
    each = 1_000

    def produce(producer: int) -> None:
        number = 0
        while number < each:
            outcome = queue.begin_enqueue([payload(producer, number)], wake=ignore)
            number += not isinstance(outcome, ProducerPlace) or left_with_receipt(outcome)

    def take(received: Received) -> None:
        message = queue.dequeue(timeout=0.000_05)
        if message is not None:
            received.append(identity(message))

    received = produce_and_consume(queue, produce, lambda: until_closed(queue, take))
    assert_exactly_once(received, each)
    assert_in_order(received)
    stats = queue.stats()
    assert (stats.waiting_consumers, stats.waiting_producers) == (0, 0)
    assert (stats.enqueued_total, stats.size, stats.bytes) == (PRODUCERS * each, 0, 0)


def left_with_receipt(place: ProducerPlace) -> bool:
    try:
        place.leave()
    except QueueFull:
        return False
    return True


def test_consumers_that_hang_up_put_everything_back(queue: MessageQueue) -> None:
    """One message in three goes to a consumer that has gone: it comes out elsewhere."""
    each = 2_000

    def produce(producer: int) -> None:
        for number in range(each):
            queue.enqueue(payload(producer, number), timeout=None)

    def take(received: Received) -> None:
        messages = queue.dequeue_many(3, timeout=None)
        lost, kept = messages[:1], messages[1:]
        received.extend(map(identity, kept))
        if len(messages) > 1:
            queue.put_back(lost)
        else:
            received.extend(map(identity, lost))

    def hang_up(over: threading.Event) -> None:
        while not over.is_set():
            outcome = queue.begin_dequeue(2, wake=ignore)
            queue.put_back(outcome.leave() if isinstance(outcome, ConsumerPlace) else outcome)

    received = produce_and_consume(queue, produce, lambda: until_closed(queue, take), hang_up)
    leftover = [identity(message) for message in taken(queue, 1_000).messages]
    assert_exactly_once([*received, leftover], each)


def test_purging_all_the_time(queue: MessageQueue) -> None:
    each = 5_000
    purged: list[int] = []

    def produce(producer: int) -> None:
        for number in range(each):
            queue.enqueue(payload(producer, number), timeout=None)

    def take(received: Received) -> None:
        received.extend(map(identity, queue.dequeue_many(5, timeout=None)))

    def purge(over: threading.Event) -> None:
        while not over.is_set():
            purged.append(queue.purge())

    received = produce_and_consume(queue, produce, lambda: until_closed(queue, take), purge)
    came_out = [message for one in received for message in one]
    assert len(came_out) == len(set(came_out)) == PRODUCERS * each - sum(purged)
    assert_in_order(received)
    stats = queue.stats()
    assert stats.purged_total == sum(purged)
    assert stats.dequeued_total == len(came_out)


def offer_while_there_is_room(manager: QueueManager, rounds: int) -> int:
    accepted = 0
    for number in range(rounds):
        if manager.size < 40:
            accepted += manager.enqueue_many("stress", [b"x"] * (1 + number % 3)).count
    return accepted


def take_or_hang_up(manager: QueueManager, rounds: int) -> int:
    received = 0
    for number in range(rounds):
        outcome = manager.begin_dequeue("stress", 2, wake=ignore)
        if isinstance(outcome, ConsumerPlace):
            outcome = outcome.leave(expired=True)
        if number % 5:
            received += len(outcome.messages)
        else:
            manager.put_back("stress", outcome)
    return received


def delete_again_and_again(manager: QueueManager, rounds: int) -> int:
    for _ in range(rounds):
        if list(manager.all_stats()):
            manager.delete("stress")
    return 0


def test_names_that_come_and_go() -> None:
    """Every message that was accepted is received, still there, or counted as dropped."""
    manager = QueueManager(default_capacity=50)
    works = [
        offer_while_there_is_room,
        offer_while_there_is_room,
        take_or_hang_up,
        take_or_hang_up,
        delete_again_and_again,
    ]
    first, second, *received = run_all([partial(work, manager, 2_000) for work in works])
    dropped = sum(manager.dropped.values())
    assert first + second == sum(received) + manager.size + dropped
