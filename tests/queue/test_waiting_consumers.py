from __future__ import annotations

import math
import threading
from functools import partial

import pytest

from tests.helpers import Task, run_all, wait_until
from tests.queue.places import (
    InterruptedHereError,
    Payload,
    collect,
    ignore,
    in_line,
    interrupt_sleepers,
    queue_of,
    taken,
    texts,
)
from zoldyq.contract.errors import BatchExceedsCapacity
from zoldyq.queue import ConsumerPlace, Delivery, MessageQueue


class TestWaitingConsumers:
    @pytest.mark.parametrize("timeout", [None, 60, math.inf])
    def test_a_consumer_waits_for_the_next_message(
        self, queue: MessageQueue, timeout: float | None
    ) -> None:
        consumer = Task(lambda: queue.dequeue(timeout))
        wait_until(lambda: queue.stats().waiting_consumers == 1)
        assert queue.enqueue(b"1").queue_size == 0
        assert consumer.result() == Payload(b"1")
        assert queue.stats().waiting_consumers == 0

    def test_a_timeout_ends_the_wait_and_is_counted(self, queue: MessageQueue) -> None:
        assert queue.dequeue(timeout=0.01) is None
        assert queue.dequeue_many(5, timeout=0.01) == []
        assert queue.dequeue() is None
        stats = queue.stats()
        assert (stats.dequeue_timeout_total, stats.waiting_consumers) == (3, 0)

    def test_threads_are_served_in_the_order_in_which_they_came(self, queue: MessageQueue) -> None:
        consumers = []
        for position in range(5):
            consumers.append(Task(lambda: queue.dequeue(60)))
            wait_until(lambda n=position + 1: queue.stats().waiting_consumers == n)  # type: ignore[misc]
        for number in range(5):
            queue.enqueue(b"%d" % number)
        received = [consumer.result() for consumer in consumers]
        assert received == queue_of(b"0", b"1", b"2", b"3", b"4")

    def test_a_newcomer_never_overtakes(self, queue: MessageQueue) -> None:
        first = in_line(queue)
        queue.enqueue(b"1")  # handed over, though its owner has not looked yet
        assert taken(queue).messages == []
        assert queue.peek().messages == []
        later = in_line(queue)
        assert collect(later, first) == [[], [b"1"]]

    def test_a_batch_is_spread_over_the_line_and_the_rest_is_queued(self) -> None:
        queue = MessageQueue("emails", 10)
        waiters = [in_line(queue, 2), in_line(queue), in_line(queue, 3)]
        receipt = queue.enqueue_many([b"%d" % number for number in range(8)])
        assert (receipt.count, receipt.queue_size) == (8, 2)
        assert collect(*waiters) == [[b"0", b"1"], [b"2"], [b"3", b"4", b"5"]]
        assert texts(queue.dequeue_many(9)) == [b"6", b"7"]

    def test_a_batch_smaller_than_the_line_serves_its_front(self, queue: MessageQueue) -> None:
        waiters = [in_line(queue, 2), in_line(queue, 2), in_line(queue, 2)]
        queue.enqueue_many([b"0", b"1", b"2"])
        assert queue.stats().waiting_consumers == 1
        assert collect(*waiters) == [[b"0", b"1"], [b"2"], []]

    def test_capacity_bounds_a_batch_also_when_somebody_waits(self, queue: MessageQueue) -> None:
        waiter = in_line(queue, 9)
        with pytest.raises(BatchExceedsCapacity):
            queue.enqueue_many([b"x"] * 4)
        assert collect(waiter) == [[]]

    def test_a_consumer_that_would_wait_is_served_at_once_if_it_can_be(
        self, queue: MessageQueue
    ) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        delivery = queue.begin_dequeue(2, wake=ignore)
        assert isinstance(delivery, Delivery)
        assert texts(delivery.messages) == [b"1", b"2"]
        assert len(queue) == 1

    def test_a_consumer_may_ask_for_fewer_in_line(self, queue: MessageQueue) -> None:
        place = queue.begin_dequeue(3, wake=ignore, in_line=1)
        assert isinstance(place, ConsumerPlace)
        queue.enqueue_many([b"1", b"2"])
        assert collect(place) == [[b"1"]]

    def test_leaving_twice_gives_nothing_the_second_time(self, queue: MessageQueue) -> None:
        waiter = in_line(queue)
        queue.enqueue(b"1")
        assert collect(waiter, waiter) == [[b"1"], []]

    def test_of_many_threads_that_leave_one_gets_the_message(self, queue: MessageQueue) -> None:
        for _ in range(50):
            waiter, start = in_line(queue), threading.Barrier(5)
            leave = partial(self.leave_at_once, waiter, start)
            enqueue = partial(self.enqueue_at_once, queue, start)
            received = run_all([leave, leave, enqueue, leave, leave])
            rest = texts(taken(queue).messages)
            assert sorted([*received, rest]) == [[], [], [], [], [], [b"1"]]

    @staticmethod
    def leave_at_once(place: ConsumerPlace, start: threading.Barrier) -> list[bytes]:
        start.wait(10)
        return texts(place.leave().messages)

    @staticmethod
    def enqueue_at_once(queue: MessageQueue, start: threading.Barrier) -> list[bytes]:
        start.wait(10)
        queue.enqueue(b"1")
        return []

    def test_who_has_left_receives_nothing_more(self, queue: MessageQueue) -> None:
        gone, next_one = in_line(queue), in_line(queue)
        gone.leave()
        queue.enqueue(b"1")
        assert collect(gone, next_one) == [[], [b"1"]]

    def test_only_a_wait_in_vain_that_ran_out_is_a_timeout(self, queue: MessageQueue) -> None:
        hung_up, served, expired = in_line(queue), in_line(queue), in_line(queue)
        hung_up.leave()
        queue.enqueue(b"1")
        served.leave(expired=True)  # too late to be one: the message was there
        expired.leave(expired=True)
        expired.leave(expired=True)
        assert queue.stats().dequeue_timeout_total == 1

    def test_a_place_in_line_is_no_timeout_yet(self, queue: MessageQueue) -> None:
        place = in_line(queue)
        assert queue.stats().dequeue_timeout_total == 0
        place.leave()
        assert queue.stats().dequeue_timeout_total == 0

    def test_an_interrupted_consumer_leaves_the_line(
        self, queue: MessageQueue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        interrupt_sleepers(monkeypatch)
        with pytest.raises(InterruptedHereError):
            queue.dequeue(30)
        assert queue.stats().waiting_consumers == 0
        assert queue.enqueue(b"1").queue_size == 1

    def test_an_interrupted_consumer_takes_no_message_along(
        self, queue: MessageQueue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        interrupt_sleepers(monkeypatch, meanwhile=lambda: queue.enqueue(b"1"))
        with pytest.raises(InterruptedHereError):
            queue.dequeue(30)
        assert queue.dequeue() == Payload(b"1")


class TestWakeUps:
    def test_a_consumer_is_woken_once_something_comes(self, queue: MessageQueue) -> None:
        calls: list[str] = []
        place = in_line(queue, wake=lambda: calls.append("ready"))
        assert (calls, place.settled) == ([], False)
        queue.enqueue(b"1")
        assert (calls, place.settled) == (["ready"], True)
        assert collect(place) == [[b"1"]]

    def test_a_consumer_that_has_left_is_not_woken(self, queue: MessageQueue) -> None:
        calls: list[str] = []
        in_line(queue, wake=lambda: calls.append("ready")).leave()
        queue.enqueue(b"1")
        assert calls == []
        assert len(queue) == 1

    def test_a_consumer_is_woken_when_the_queue_closes(self, queue: MessageQueue) -> None:
        calls: list[str] = []
        place = in_line(queue, wake=lambda: calls.append("ready"))
        queue.close()
        assert (calls, place.settled) == (["ready"], True)
        assert collect(place) == [[]]

    def test_the_wake_up_may_collect_the_message_itself(self, queue: MessageQueue) -> None:
        received: list[bytes] = []
        place = in_line(queue, wake=lambda: received.extend(texts(place.leave().messages)))
        queue.enqueue(b"1")
        assert received == [b"1"]
