"""Messages that come back: each goes to where it was."""

from __future__ import annotations

from itertools import permutations

import pytest

from tests.helpers import Task, run_all, wait_until
from tests.queue.places import collect, in_line, taken, texts
from zoldyq.contract.errors import QueueFull
from zoldyq.queue import MessageQueue, QueueManager


class TestPutBack:
    def test_returns_to_the_head_in_order(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        back = queue.dequeue_many(2)
        assert queue.put_back(back) == 2
        assert queue.dequeue_many(3)[:2] == back
        assert queue.stats().put_back_total == 2

    def test_may_pass_the_capacity_which_then_holds_for_new_ones(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        back = queue.dequeue_many(3)
        queue.enqueue_many([b"4", b"5", b"6"])
        queue.put_back(back)
        assert len(queue) == 6
        queue.dequeue_many(3)
        with pytest.raises(QueueFull):
            queue.enqueue(b"7")
        queue.dequeue()
        queue.enqueue(b"7")
        assert texts(queue.dequeue_many(9)) == [b"5", b"6", b"7"]

    def test_goes_to_those_who_wait_and_the_rest_to_the_head(self) -> None:
        queue = MessageQueue("emails", 10)
        queue.enqueue_many([b"%d" % number for number in range(5)])
        back = queue.dequeue_many(5)
        waiters = [in_line(queue), in_line(queue, 2)]
        queue.put_back(back)
        assert collect(*waiters) == [[b"0"], [b"1", b"2"]]
        assert texts(queue.dequeue_many(9)) == [b"3", b"4"]

    def test_wakes_a_waiting_thread(self, queue: MessageQueue) -> None:
        queue.enqueue(b"1")
        back = queue.dequeue_many(1)
        consumer = Task(lambda: queue.dequeue(60))
        wait_until(lambda: queue.stats().waiting_consumers == 1)
        queue.put_back(back)
        assert consumer.result() == back[0]

    def test_nothing_is_nothing(self, queue: MessageQueue) -> None:
        waiter = in_line(queue)
        assert queue.put_back([]) == 0
        assert queue.stats().waiting_consumers == 1
        assert collect(waiter) == [[]]

    def test_is_possible_after_closing(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2"])
        back = queue.dequeue_many(1)
        queue.close()
        assert queue.put_back(back) == 1
        assert texts(queue.dequeue_many(9)) == [b"1", b"2"]

    def test_shares_the_fate_of_what_was_discarded(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2"])
        back = queue.dequeue_many(1)
        assert queue.close(discard=True) == 1
        assert queue.put_back(back) == 0
        assert len(queue) == 0


class TestOrder:
    @pytest.mark.parametrize("order", list(permutations(range(3))))
    def test_is_right_whoever_comes_first(self, order: tuple[int, ...]) -> None:
        queue = MessageQueue("emails", 10)
        queue.enqueue_many([b"%d" % number for number in range(8)])
        deliveries = [taken(queue, 2), taken(queue, 1), taken(queue, 3)]
        for which in order:
            queue.put_back(deliveries[which])
        assert texts(queue.dequeue_many(9)) == [b"%d" % number for number in range(8)]

    def test_is_right_for_what_comes_back_in_parts(self) -> None:
        queue = MessageQueue("emails", 10)
        queue.enqueue_many([b"%d" % number for number in range(6)])
        first, second = taken(queue, 3), taken(queue, 3)
        queue.put_back(second.rest(1))
        queue.put_back(first.rest(2))
        mixed = taken(queue, 2)
        queue.put_back(second.rest(3))
        queue.put_back(mixed)
        assert texts(queue.dequeue_many(9)) == [b"2", b"4", b"5"]

    def test_is_right_for_a_delivery_that_belongs_around_another(self) -> None:
        queue = MessageQueue("emails", 10)
        queue.enqueue_many([b"0", b"1", b"2", b"3"])
        first, second, third = taken(queue, 1), taken(queue, 1), taken(queue, 1)
        queue.put_back(third)
        queue.put_back(first)
        around = taken(queue, 2)
        queue.put_back(second)
        queue.put_back(around)
        assert texts(queue.dequeue_many(9)) == [b"0", b"1", b"2", b"3"]

    def test_is_right_behind_messages_that_were_handed_over(self) -> None:
        queue = MessageQueue("emails", 10)
        first, second = in_line(queue), in_line(queue)
        queue.enqueue_many([b"0", b"1", b"2"])
        queue.put_back(second.leave())
        queue.put_back(first.leave())
        assert texts(queue.dequeue_many(9)) == [b"0", b"1", b"2"]

    def test_what_comes_back_bare_goes_to_the_head(self) -> None:
        queue = MessageQueue("emails", 10)
        queue.enqueue_many([b"0", b"1", b"2"])
        bare, delivery = queue.dequeue_many(1), taken(queue, 1)
        queue.put_back(delivery)
        queue.put_back(bare)
        assert texts(queue.dequeue_many(9)) == [b"0", b"1", b"2"]

    def test_is_right_in_the_successor_of_a_deleted_queue(self) -> None:
        manager = QueueManager()
        manager.enqueue_many("emails", [b"%d" % number for number in range(9)])
        deliveries = [manager.begin_dequeue("emails", 3) for _ in range(3)]
        manager.delete("emails")
        manager.enqueue_many("emails", [b"9", b"10"])
        for delivery in reversed(deliveries):
            manager.put_back("emails", delivery)  # type: ignore[arg-type]
        assert texts(manager.dequeue_many("emails", 20)) == [b"%d" % n for n in range(11)]

    def test_is_right_when_threads_race(self) -> None:
        queue = MessageQueue("emails", 1_000)
        queue.enqueue_many([b"%03d" % number for number in range(200)])

        def take_and_return() -> None:
            for _ in range(300):
                queue.put_back(taken(queue, 3))

        run_all([take_and_return] * 4)
        assert texts(queue.dequeue_many(200)) == [b"%03d" % number for number in range(200)]
