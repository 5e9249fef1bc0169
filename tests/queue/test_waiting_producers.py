from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from tests.helpers import Task, wait_until
from tests.queue.places import (
    InterruptedHereError,
    Payload,
    ignore,
    in_line,
    in_line_for_room,
    interrupt_sleepers,
    taken,
    texts,
)
from zoldyq.contract.errors import QueueFull
from zoldyq.queue import (
    Message,
    MessageQueue,
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
        waiters = [in_line_for_room(queue, b"%d" % number) for number in (4, 5, 6)]
        assert texts(queue.dequeue_many(2)) == [b"1", b"2"]
        assert queue.stats().waiting_producers == 1
        assert texts(queue.dequeue_many(9)) == [b"3", b"4", b"5"]
        assert [waiter.leave().queue_size for waiter in waiters] == [2, 3, 1]

    def test_nobody_overtakes_a_big_batch(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        big = in_line_for_room(queue, b"4", b"5")
        small = in_line_for_room(queue, b"6")
        queue.dequeue()  # room for the small one only
        with pytest.raises(QueueFull):
            queue.enqueue(b"7")
        assert queue.stats().waiting_producers == 2
        assert texts(queue.dequeue_many(9)) == [b"2", b"3"]
        assert big.leave().count == 2
        assert small.leave().count == 1
        assert texts(queue.dequeue_many(9)) == [b"4", b"5", b"6"]

    def test_a_refusal_tells_of_the_producers_ahead(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2"])
        in_line_for_room(queue, b"3", b"4")
        with pytest.raises(QueueFull, match="producers that came earlier") as refusal:
            queue.enqueue(b"5")
        assert refusal.value.details == {
            "queue_name": "emails",
            "queue_capacity": 3,
            "queue_size": 2,
            "waiting_producers": 1,
        }

    def test_a_small_one_gets_in_when_the_big_one_ahead_gives_up(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        big = in_line_for_room(queue, b"4", b"5")
        small = Task(lambda: queue.enqueue(b"6", timeout=60))
        wait_until(lambda: queue.stats().waiting_producers == 2)
        queue.dequeue()
        with pytest.raises(QueueFull):
            big.leave()
        assert small.result().queue_size == 3

    @pytest.mark.parametrize(
        "make_room",
        [
            MessageQueue.dequeue,
            taken,
            MessageQueue.purge,
            lambda queue: queue.dequeue_many(2),
            lambda queue: queue.begin_dequeue(1, wake=ignore),
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
        waiter = in_line_for_room(queue, b"5")
        queue.put_back(taken)  # one above the capacity now
        queue.dequeue()
        assert queue.stats().waiting_producers == 1
        queue.dequeue()
        assert waiter.leave().queue_size == 3

    def test_leaving_twice_tells_the_same_again(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        served, refused = in_line_for_room(queue, b"4"), in_line_for_room(queue, b"5")
        queue.dequeue()
        for _ in range(2):
            assert served.leave().count == 1
            with pytest.raises(QueueFull):
                refused.leave(expired=True)
        assert queue.stats().queue_full_total == 1
        assert texts(queue.dequeue_many(9)) == [b"2", b"3", b"4"]

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
        in_line(queue, wake=lambda: seen.append(len(queue)))
        Task(lambda: act(queue)).result(5)
        assert seen == [0]

    @pytest.mark.parametrize(
        "act",
        [
            taken,
            MessageQueue.dequeue,
            MessageQueue.purge,
            MessageQueue.close,
            lambda queue: queue.begin_dequeue(3, wake=ignore),
        ],
    )
    def test_producers_are_woken_without_the_lock(
        self, queue: MessageQueue, act: Callable[[MessageQueue], object]
    ) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        seen: list[int] = []
        in_line_for_room(queue, b"4", wake=lambda: seen.append(len(queue)))
        Task(lambda: act(queue)).result(5)
        assert len(seen) == 1

    def test_a_producer_that_gives_up_wakes_the_next_without_the_lock(
        self, queue: MessageQueue
    ) -> None:
        queue.enqueue_many([b"1", b"2"])
        seen: list[int] = []
        big = in_line_for_room(queue, b"3", b"4")
        in_line_for_room(queue, b"5", wake=lambda: seen.append(len(queue)))
        with pytest.raises(QueueFull):
            Task(big.leave).result(5)
        assert seen == [3]
