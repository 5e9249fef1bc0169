from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from tests.helpers import Task, wait_until
from tests.queue.places import (
    InterruptedHereError,
    Payload,
    ignore,
    interrupt_sleepers,
    joined,
    joined_for_room,
    texts,
)
from zoldyq.contract.errors import QueueClosed, QueueFull
from zoldyq.queue import (
    Message,
    MessageQueue,
    RoomWaiter,
    Waiter,
)


class TestWaitingProducers:
    @pytest.mark.parametrize("timeout", [None, 60, math.inf])
    def test_a_producer_waits_for_room(self, queue: MessageQueue, timeout: float | None) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        producer = Task(lambda: queue.enqueue(b"4", timeout))
        wait_until(lambda: queue.stats().waiting_producers == 1)
        assert queue.dequeue() == Payload(b"1")
        assert producer.result().queue_size == 3
        assert texts(queue.dequeue_many(9)) == [b"2", b"3", b"4"]

    def test_a_producer_waits_no_longer_than_it_said(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        with pytest.raises(QueueFull):
            queue.enqueue(b"4", timeout=0.01)
        stats = queue.stats()
        assert (stats.queue_full_total, stats.waiting_producers, stats.size) == (1, 0, 3)

    def test_producers_get_in_in_the_order_in_which_they_came(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        waiters = [joined_for_room(queue, b"%d" % number) for number in (4, 5, 6)]
        assert texts(queue.dequeue_many(2)) == [b"1", b"2"]
        assert queue.stats().waiting_producers == 1
        assert texts(queue.dequeue_many(9)) == [b"3", b"4", b"5"]
        assert [queue.leave_room(waiter).queue_size for waiter in waiters] == [2, 3, 1]

    def test_nobody_overtakes_a_big_batch(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        big = joined_for_room(queue, b"4", b"5")
        small = joined_for_room(queue, b"6")
        queue.dequeue()  # room for the small one only
        with pytest.raises(QueueFull):
            queue.enqueue(b"7")
        assert queue.stats().waiting_producers == 2
        assert texts(queue.dequeue_many(9)) == [b"2", b"3"]
        assert queue.leave_room(big).count == 2
        assert queue.leave_room(small).count == 1
        assert texts(queue.dequeue_many(9)) == [b"4", b"5", b"6"]

    def test_a_small_one_gets_in_when_the_big_one_ahead_gives_up(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        big = joined_for_room(queue, b"4", b"5")
        small = Task(lambda: queue.enqueue(b"6", timeout=60))
        wait_until(lambda: queue.stats().waiting_producers == 2)
        queue.dequeue()
        with pytest.raises(QueueFull):
            queue.leave_room(big)
        assert small.result().queue_size == 3

    @pytest.mark.parametrize(
        "make_room",
        [
            MessageQueue.dequeue,
            MessageQueue.poll,
            MessageQueue.purge,
            lambda queue: queue.dequeue_many(2),
            lambda queue: joined(queue, 1),
        ],
    )
    def test_whatever_makes_room_lets_producers_in(
        self, queue: MessageQueue, make_room: Callable[[MessageQueue], object]
    ) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        producer = Task(lambda: queue.enqueue(b"4", timeout=60))
        wait_until(lambda: queue.stats().waiting_producers == 1)
        make_room(queue)
        assert producer.result().count == 1

    def test_messages_that_come_back_keep_producers_out(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        taken = queue.dequeue_many(1)
        queue.enqueue(b"4")
        waiter = joined_for_room(queue, b"5")
        queue.put_back(taken)  # one above the capacity now
        queue.dequeue()
        assert queue.stats().waiting_producers == 1
        queue.dequeue()
        assert queue.leave_room(waiter).queue_size == 3

    def test_room_that_came_up_before_joining_is_used_at_once(self, queue: MessageQueue) -> None:
        waiter = RoomWaiter(ignore, [b"1"])
        assert queue.join_for_room(waiter)
        assert queue.leave_room(waiter).queue_size == 1

    def test_who_finds_the_queue_empty_by_now_serves_those_who_wait(
        self, queue: MessageQueue
    ) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        with pytest.raises(QueueFull):
            queue.offer([b"4", b"5"], waits=True)
        queue.dequeue_many(3)
        consumer = Task(lambda: queue.dequeue(60))
        wait_until(lambda: queue.stats().waiting_consumers == 1)
        producer = joined_for_room(queue, b"4", b"5")
        assert consumer.result() == Payload(b"4")
        assert queue.leave_room(producer).queue_size == 1
        assert queue.dequeue() == Payload(b"5")

    def test_leaving_twice_tells_the_same_again(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        served, refused = joined_for_room(queue, b"4"), joined_for_room(queue, b"5")
        queue.dequeue()
        for _ in range(2):
            assert queue.leave_room(served).count == 1
            with pytest.raises(QueueFull):
                queue.leave_room(refused)
        assert queue.stats().queue_full_total == 1
        assert texts(queue.dequeue_many(9)) == [b"2", b"3", b"4"]

    def test_leaving_without_having_joined_is_told(self, queue: MessageQueue) -> None:
        with pytest.raises(QueueClosed):
            queue.leave_room(RoomWaiter(ignore, [b"1"]))

    def test_an_interrupted_producer_leaves_nothing_behind(
        self, queue: MessageQueue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        interrupt_sleepers(monkeypatch)
        with pytest.raises(InterruptedHereError):
            queue.enqueue(b"4", timeout=30)
        assert texts(queue.dequeue_many(9)) == [b"1", b"2", b"3"]
        assert queue.dequeue() is None


def _enqueue(queue: MessageQueue) -> None:
    queue.enqueue(b"1")


def _put_back(queue: MessageQueue) -> None:
    queue.put_back([Message(b"1", 1)])


class TestWakeUps:
    """A wake-up may look at the queue itself, so none happens under its lock."""

    @pytest.mark.parametrize("act", [_enqueue, _put_back, MessageQueue.close])
    def test_consumers_are_woken_without_the_lock(
        self, queue: MessageQueue, act: Callable[[MessageQueue], object]
    ) -> None:
        seen: list[int] = []
        queue.join(Waiter(lambda: seen.append(len(queue))))
        Task(lambda: act(queue)).result(5)
        assert seen == [0]

    @pytest.mark.parametrize(
        "act",
        [
            MessageQueue.poll,
            MessageQueue.dequeue,
            MessageQueue.purge,
            MessageQueue.close,
            lambda queue: joined(queue, 3),
        ],
    )
    def test_producers_are_woken_without_the_lock(
        self, queue: MessageQueue, act: Callable[[MessageQueue], object]
    ) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        seen: list[int] = []
        queue.join_for_room(RoomWaiter(lambda: seen.append(len(queue)), [b"4"]))
        Task(lambda: act(queue)).result(5)
        assert len(seen) == 1

    def test_a_producer_that_gives_up_wakes_the_next_without_the_lock(
        self, queue: MessageQueue
    ) -> None:
        queue.enqueue_many([b"1", b"2"])
        seen: list[int] = []
        big = joined_for_room(queue, b"3", b"4")
        queue.join_for_room(RoomWaiter(lambda: seen.append(len(queue)), [b"5"]))
        with pytest.raises(QueueFull):
            Task(lambda: queue.leave_room(big)).result(5)
        assert seen == [3]
