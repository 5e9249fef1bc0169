from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.helpers import Task, wait_until
from tests.queue.places import (
    collect,
    in_line,
    taken,
)
from zoldyq.contract.errors import MemoryLimit
from zoldyq.queue import (
    MESSAGE_OVERHEAD,
    MemoryBudget,
    MessageQueue,
)


class TestMemory:
    def cost(self, *payloads: bytes) -> int:
        return sum(map(len, payloads)) + MESSAGE_OVERHEAD * len(payloads)

    def test_queues_share_a_budget_and_give_back_what_they_took(self) -> None:
        budget = MemoryBudget(self.cost(b"1234", b"5678"))
        one, other = (MessageQueue(name, 10, budget) for name in ("one", "other"))
        one.enqueue(b"1234")
        other.enqueue_many([b"5678"])
        for refused in (one, other):
            with pytest.raises(MemoryLimit):
                refused.enqueue(b"")
        assert (len(one), len(other), budget.used) == (1, 1, budget.limit)
        one.dequeue()
        other.enqueue(b"abcd")
        assert budget.used == budget.limit

    @pytest.mark.parametrize(
        "take",
        [
            MessageQueue.purge,
            lambda queue: queue.close(discard=True),
            lambda queue: queue.dequeue_many(3),
            lambda queue: [queue.dequeue(), taken(queue), queue.dequeue()],
            lambda queue: queue.begin_dequeue(3),
        ],
    )
    def test_whatever_takes_messages_releases_their_bytes(
        self, take: Callable[[MessageQueue], object]
    ) -> None:
        budget = MemoryBudget(10_000)
        queue = MessageQueue("emails", 10, budget)
        queue.enqueue_many([b"1", b"22", b"333"])
        assert budget.used == queue.stats().bytes == self.cost(b"1", b"22", b"333")
        take(queue)
        assert (budget.used, queue.stats().bytes) == (0, 0)

    def test_a_batch_that_costs_too_much_leaves_nothing(self) -> None:
        queue = MessageQueue("emails", 10, MemoryBudget(self.cost(b"1", b"2")))
        waiter = in_line(queue)
        with pytest.raises(MemoryLimit):
            queue.enqueue_many([b"1", b"2", b"3", b"4"])
        stats = queue.stats()
        assert (stats.enqueued_total, stats.waiting_consumers, stats.bytes) == (0, 1, 0)
        assert collect(waiter) == [[]]

    def test_a_message_that_is_handed_over_costs_nothing(self) -> None:
        queue = MessageQueue("emails", 10, MemoryBudget(0))
        waiter = in_line(queue)
        queue.enqueue(b"1")
        assert collect(waiter) == [[b"1"]]

    def test_messages_that_come_back_are_charged_but_never_refused(self) -> None:
        budget = MemoryBudget(self.cost(b"1"))
        queue = MessageQueue("emails", 10, budget)
        queue.enqueue(b"1")
        taken = queue.dequeue_many(1)
        queue.enqueue(b"2")
        queue.put_back(taken)
        assert budget.used == queue.stats().bytes == self.cost(b"1", b"2")
        queue.dequeue()
        with pytest.raises(MemoryLimit):
            queue.enqueue(b"3")

    def test_a_producer_whose_turn_costs_too_much_is_told_and_the_next_gets_in(self) -> None:
        budget = MemoryBudget(self.cost(b"1", b"2"))
        queue = MessageQueue("emails", 2, budget)
        queue.enqueue_many([b"1", b"2"])
        costly = Task(lambda: queue.enqueue(b"x" * 1_000, timeout=60))
        wait_until(lambda: queue.stats().waiting_producers == 1)
        cheap = Task(lambda: queue.enqueue(b"3", timeout=60))
        wait_until(lambda: queue.stats().waiting_producers == 2)
        queue.dequeue()
        with pytest.raises(MemoryLimit):
            costly.result()
        assert cheap.result().queue_size == 2
        assert budget.used == budget.limit
