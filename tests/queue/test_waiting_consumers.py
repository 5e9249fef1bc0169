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
    interrupt_sleepers,
    joined,
    queue_of,
    texts,
)
from zoldyq.contract.errors import BatchExceedsCapacity
from zoldyq.queue import (
    MessageQueue,
    Waiter,
)


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
        first = joined(queue)
        queue.enqueue(b"1")  # handed over, though its owner has not looked yet
        assert queue.poll().messages == []
        assert queue.peek().messages == []
        later = joined(queue)
        assert collect(queue, later, first) == [[], [b"1"]]

    def test_a_batch_is_spread_over_the_line_and_the_rest_is_queued(self) -> None:
        queue = MessageQueue("emails", 10)
        waiters = [joined(queue, 2), joined(queue), joined(queue, 3)]
        receipt = queue.enqueue_many([b"%d" % number for number in range(8)])
        assert (receipt.count, receipt.queue_size) == (8, 2)
        assert collect(queue, *waiters) == [[b"0", b"1"], [b"2"], [b"3", b"4", b"5"]]
        assert texts(queue.dequeue_many(9)) == [b"6", b"7"]

    def test_a_batch_smaller_than_the_line_serves_its_front(self, queue: MessageQueue) -> None:
        waiters = [joined(queue, 2), joined(queue, 2), joined(queue, 2)]
        queue.enqueue_many([b"0", b"1", b"2"])
        assert queue.stats().waiting_consumers == 1
        assert collect(queue, *waiters) == [[b"0", b"1"], [b"2"], []]

    def test_capacity_bounds_a_batch_also_when_somebody_waits(self, queue: MessageQueue) -> None:
        waiter = joined(queue, 9)
        with pytest.raises(BatchExceedsCapacity):
            queue.enqueue_many([b"x"] * 4)
        assert collect(queue, waiter) == [[]]

    def test_who_joins_a_queue_that_holds_something_is_served_at_once(
        self, queue: MessageQueue
    ) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        waiter = Waiter(ignore, 2)
        assert queue.join(waiter)
        assert collect(queue, waiter) == [[b"1", b"2"]]
        assert len(queue) == 1

    def test_who_joins_an_empty_queue_has_to_wait(self, queue: MessageQueue) -> None:
        waiter = Waiter(ignore)
        assert not queue.join(waiter)
        assert collect(queue, waiter) == [[]]

    def test_leaving_twice_gives_nothing_the_second_time(self, queue: MessageQueue) -> None:
        waiter = joined(queue)
        queue.enqueue(b"1")
        assert collect(queue, waiter, waiter) == [[b"1"], []]

    def test_leaving_without_having_joined_is_harmless(self, queue: MessageQueue) -> None:
        assert collect(queue, Waiter(ignore)) == [[]]

    def test_of_many_threads_that_leave_one_gets_the_message(self, queue: MessageQueue) -> None:
        for _ in range(50):
            waiter, start = joined(queue), threading.Barrier(5)
            leave = partial(self.leave_at_once, queue, waiter, start)
            enqueue = partial(self.enqueue_at_once, queue, start)
            received = run_all([leave, leave, enqueue, leave, leave])
            rest = texts(queue.poll().messages)
            assert sorted([*received, rest]) == [[], [], [], [], [], [b"1"]]

    @staticmethod
    def leave_at_once(queue: MessageQueue, waiter: Waiter, start: threading.Barrier) -> list[bytes]:
        start.wait(10)
        return texts(queue.leave(waiter).messages)

    @staticmethod
    def enqueue_at_once(queue: MessageQueue, start: threading.Barrier) -> list[bytes]:
        start.wait(10)
        queue.enqueue(b"1")
        return []

    def test_who_has_left_receives_nothing_more(self, queue: MessageQueue) -> None:
        gone, next_one = joined(queue), joined(queue)
        queue.leave(gone)
        queue.enqueue(b"1")
        assert collect(queue, gone, next_one) == [[], [b"1"]]

    def test_only_a_wait_in_vain_that_ran_out_is_a_timeout(self, queue: MessageQueue) -> None:
        hung_up, served, expired = joined(queue), joined(queue), joined(queue)
        queue.leave(hung_up)
        queue.enqueue(b"1")
        queue.leave(served, expired=True)  # too late to be one: the message was there
        queue.leave(expired, expired=True)
        queue.leave(expired, expired=True)
        assert queue.stats().dequeue_timeout_total == 1

    def test_a_poll_before_a_wait_is_no_timeout(self, queue: MessageQueue) -> None:
        queue.poll(waits=True)
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


class TestWhenReady:
    def test_calls_back_once_something_comes(self, queue: MessageQueue) -> None:
        calls: list[str] = []
        waiter = queue.when_ready(lambda: calls.append("ready"))
        assert calls == []
        queue.enqueue(b"1")
        assert calls == ["ready"]
        assert collect(queue, waiter) == [[b"1"]]

    def test_calls_back_at_once_if_something_is_there(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        calls: list[str] = []
        waiter = queue.when_ready(lambda: calls.append("ready"), count=2)
        assert calls == ["ready"]
        assert collect(queue, waiter) == [[b"1", b"2"]]

    def test_can_be_cancelled(self, queue: MessageQueue) -> None:
        calls: list[str] = []
        queue.leave(queue.when_ready(lambda: calls.append("ready")))
        queue.enqueue(b"1")
        assert calls == []
        assert len(queue) == 1

    def test_calls_back_when_the_queue_closes(self, queue: MessageQueue) -> None:
        calls: list[str] = []
        waiter = queue.when_ready(lambda: calls.append("ready"))
        queue.close()
        assert calls == ["ready"]
        assert collect(queue, waiter) == [[]]

    def test_the_callback_may_collect_the_message_itself(self, queue: MessageQueue) -> None:
        received: list[bytes] = []
        waiter = queue.when_ready(lambda: received.extend(texts(queue.leave(waiter).messages)))
        queue.enqueue(b"1")
        assert received == [b"1"]
