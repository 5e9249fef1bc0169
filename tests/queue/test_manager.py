from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable

import pytest

from tests.helpers import Task, run_all, wait_until
from tests.queue.places import ignore, texts
from zoldyq.contract.errors import (
    BatchExceedsCapacity,
    InvalidCapacity,
    InvalidQueueName,
    MaxQueuesReached,
    MemoryLimit,
    QueueClosed,
    QueueExists,
    QueueFull,
    QueueNotFound,
    ShuttingDown,
)
from zoldyq.contract.policy import Policy
from zoldyq.queue import (
    MESSAGE_OVERHEAD,
    Bell,
    ConsumerPlace,
    Delivery,
    ProducerPlace,
    QueueManager,
    Receipt,
    Wake,
    check_queue_name,
    deadline_after,
)


@pytest.fixture
def manager() -> QueueManager:
    return QueueManager(default_capacity=3, max_queues=2)


def names(manager: QueueManager) -> list[str]:
    return [name for name, _ in manager.all_stats()]


def in_line(manager: QueueManager, name: str, wake: Wake = ignore) -> ConsumerPlace:
    """A consumer that stands in line, holding no thread."""
    outcome = manager.begin_dequeue(name, wake=wake)
    assert isinstance(outcome, ConsumerPlace)
    return outcome


def in_line_for_room(manager: QueueManager, *payloads: bytes, wake: Wake = ignore) -> ProducerPlace:
    """A producer that stands in the line of "emails", holding no thread."""
    outcome = manager.begin_enqueue("emails", payloads, wake=wake)
    assert isinstance(outcome, ProducerPlace)
    return outcome


def taken(manager: QueueManager, count: int = 1) -> Delivery:
    """Take what is there in "emails", as a consumer that does not wait."""
    outcome = manager.begin_dequeue("emails", count)
    assert isinstance(outcome, Delivery)
    return outcome


class TestNames:
    @pytest.mark.parametrize("name", ["a", "0", "emails", "a.b_c:d-e", "A" * 128, "9.", "x--"])
    def test_good(self, name: str) -> None:
        check_queue_name(name)

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "A" * 129,
            ".a",
            "_a",
            ":a",
            "-a",
            "a b",
            "a/b",
            "a\n",
            "\na",
            "é",
            "\N{ARABIC-INDIC DIGIT ONE}",
            "a%20",
            "a\0",
        ],
    )
    def test_bad(self, name: str) -> None:
        with pytest.raises(InvalidQueueName):
            check_queue_name(name)


class TestCreation:
    def test_the_first_message_creates_a_queue(self, manager: QueueManager) -> None:
        assert manager.enqueue_many("emails", [b"1"]).queue_size == 1
        assert manager.stats("emails").capacity == 3
        assert texts(manager.dequeue_many("emails", 1)) == [b"1"]

    def test_queues_do_not_mix(self, manager: QueueManager) -> None:
        manager.enqueue_many("one", [b"1"])
        manager.enqueue_many("other", [b"2", b"3"])
        assert texts(manager.dequeue_many("other", 9)) == [b"2", b"3"]
        assert texts(manager.dequeue_many("one", 9)) == [b"1"]
        assert manager.size == 0

    def test_statistics_are_ordered_by_name(self, manager: QueueManager) -> None:
        manager.enqueue_many("b", [b"1"])
        manager.enqueue_many("a", [b"2", b"3"])
        assert [(name, stats.size) for name, stats in manager.all_stats()] == [("a", 2), ("b", 1)]
        assert manager.size == 3

    def test_a_queue_may_be_given_a_capacity_of_its_own(self, manager: QueueManager) -> None:
        assert manager.create("emails", capacity=1) == (True, Policy(capacity=1))
        assert manager.create("emails", capacity=1) == (False, Policy(capacity=1))
        manager.enqueue_many("emails", [b"1"])
        with pytest.raises(QueueFull):
            manager.enqueue_many("emails", [b"2"])

    def test_another_capacity_is_refused(self, manager: QueueManager) -> None:
        manager.create("emails", capacity=1)
        with pytest.raises(QueueExists) as refusal:
            manager.create("emails", capacity=2)
        assert refusal.value.details == {
            "queue_name": "emails",
            "differs": ["capacity"],
            "capacity": 1,
            "max_bytes": None,
            "ttl_seconds": None,
            "overflow": "reject",
            "idle_seconds": None,
        }
        assert manager.stats("emails").capacity == 1

    @pytest.mark.parametrize("capacity", [0, -1, 1_000_000_001])
    def test_a_capacity_has_bounds(self, manager: QueueManager, capacity: int) -> None:
        with pytest.raises(InvalidCapacity):
            manager.create("emails", capacity=capacity)
        assert names(manager) == []

    def test_no_more_queues_than_allowed(self, manager: QueueManager) -> None:
        manager.enqueue_many("one", [b"1"])
        manager.create("other", capacity=5)
        for create in (
            lambda: manager.enqueue_many("third", [b"1"]),
            lambda: manager.create("third", capacity=5),
        ):
            with pytest.raises(MaxQueuesReached) as refusal:
                create()
            assert refusal.value.details == {"max_queues": 2}
        manager.enqueue_many("one", [b"2"])  # those that exist go on
        manager.delete("other")
        manager.enqueue_many("third", [b"1"])
        assert names(manager) == ["one", "third"]

    def test_refused_messages_create_no_queue(self) -> None:
        manager = QueueManager(default_capacity=3, max_bytes=200)
        with pytest.raises(BatchExceedsCapacity):
            manager.enqueue_many("emails", [b"x"] * 4)
        with pytest.raises(MemoryLimit):
            manager.enqueue_many("emails", [b"x" * 200])
        assert names(manager) == []

    def test_threads_that_come_first_at_once_share_one_queue(self) -> None:
        manager = QueueManager(max_queues=1)
        run_all([lambda: [manager.enqueue_many("emails", [b"x"]) for _ in range(50)]] * 8)
        assert manager.stats("emails").enqueued_total == 400

    def test_a_refused_batch_takes_no_others_message_along(
        self, manager: QueueManager, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While the first batch for a name is being refused, another thread's message comes."""
        inside, refused = threading.Event(), threading.Event()
        others: list[Task[Receipt]] = []

        def now() -> int:
            if threading.current_thread() is threading.main_thread():
                others.append(Task(lambda: manager.enqueue_many("emails", [b"1"])))
                inside.wait(0.1)  # in vain, as long as nobody sees the queue before it is filled
            else:
                inside.set()
                refused.wait(10)
            return 1

        monkeypatch.setattr("zoldyq.queue.quick.now_us", now)
        with pytest.raises(BatchExceedsCapacity):
            manager.enqueue_many("emails", [b"x"] * 4)
        refused.set()
        assert others[0].result().count == 1
        assert texts(manager.dequeue_many("emails", 1)) == [b"1"]

    def test_each_of_many_queues_costs_the_same(self) -> None:
        """Counted in bytes allocated: a copy of the map for each queue would grow without end."""
        manager = QueueManager(max_queues=3_000)

        def allocated_by_one(first: int) -> int:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            manager.create(f"q{first}", capacity=1)
            return tracemalloc.get_traced_memory()[1] - before

        tracemalloc.start()
        try:
            costs = [allocated_by_one(number) for number in range(2_600)]
        finally:
            tracemalloc.stop()
        # The map itself grows now and then; most queues pay for themselves alone.
        assert sorted(costs)[len(costs) // 2] < 8_000

    def test_a_queue_that_was_created_survives_a_refused_batch(self, manager: QueueManager) -> None:
        manager.create("emails", capacity=3)
        with pytest.raises(BatchExceedsCapacity):
            manager.enqueue_many("emails", [b"x"] * 4)
        assert names(manager) == ["emails"]


class TestUnknownNames:
    def test_there_is_nothing_to_take(self, manager: QueueManager) -> None:
        assert manager.dequeue_many("emails", 1) == []
        assert names(manager) == []

    @pytest.mark.parametrize(
        "ask", [QueueManager.peek, QueueManager.purge, QueueManager.stats, QueueManager.delete]
    )
    def test_there_is_nothing_to_manage(
        self, manager: QueueManager, ask: Callable[[QueueManager, str], object]
    ) -> None:
        with pytest.raises(QueueNotFound) as refusal:
            ask(manager, "emails")
        assert refusal.value.details == {"queue_name": "emails"}

    def test_somebody_may_wait_there_without_a_queue_showing(self, manager: QueueManager) -> None:
        waiters = [in_line(manager, name) for name in ("one", "other", "third", "emails")]
        assert names(manager) == []
        manager.enqueue_many("emails", [b"1"])
        assert names(manager) == ["emails"]
        received = [texts(waiter.leave().messages) for waiter in waiters]
        assert received == [[], [], [], [b"1"]]

    def test_a_thread_that_waits_there_is_woken(self, manager: QueueManager) -> None:
        bell = Bell()
        waiter = in_line(manager, "emails", bell.ring)
        sleeper = Task(lambda: bell.sleep(deadline_after(60)))
        manager.enqueue_many("emails", [b"1"])
        assert sleeper.result()
        assert texts(waiter.leave().messages) == [b"1"]

    def test_those_who_wait_there_keep_their_order(self, manager: QueueManager) -> None:
        first, second = in_line(manager, "emails"), in_line(manager, "emails")
        manager.enqueue_many("emails", [b"1"])
        manager.enqueue_many("emails", [b"2"])
        assert texts(second.leave().messages) == [b"2"]
        assert texts(first.leave().messages) == [b"1"]

    def test_a_name_is_forgotten_when_the_last_waiter_leaves(self, manager: QueueManager) -> None:
        first, second = in_line(manager, "emails"), in_line(manager, "emails")
        first.leave(expired=True)
        second.leave(expired=True)
        manager.enqueue_many("emails", [b"1"])
        # The time-outs of those who waited before are forgotten along with the name.
        assert manager.stats("emails").dequeue_timeout_total == 0

    def test_a_name_is_kept_while_somebody_waits(self, manager: QueueManager) -> None:
        first, second = in_line(manager, "emails"), in_line(manager, "emails")
        first.leave()
        first.leave()
        manager.enqueue_many("emails", [b"1"])
        assert texts(second.leave().messages) == [b"1"]

    def test_waiting_there_does_not_fix_the_capacity(self, manager: QueueManager) -> None:
        waiter = in_line(manager, "emails")
        assert manager.create("emails", capacity=7).changed
        assert manager.stats("emails").capacity == 7
        manager.enqueue_many("emails", [b"1"])
        assert texts(waiter.leave().messages) == [b"1"]

    def test_a_refused_batch_does_not_disturb_who_waits(self, manager: QueueManager) -> None:
        waiter = in_line(manager, "emails")
        with pytest.raises(BatchExceedsCapacity):
            manager.enqueue_many("emails", [b"x"] * 4)
        manager.enqueue_many("emails", [b"1"])
        assert texts(waiter.leave().messages) == [b"1"]

    def test_the_limit_on_queues_holds_where_somebody_waits(self, manager: QueueManager) -> None:
        waiter = in_line(manager, "third")
        manager.create("one", capacity=1)
        manager.create("other", capacity=1)
        with pytest.raises(MaxQueuesReached):
            manager.enqueue_many("third", [b"1"])
        manager.delete("one")
        manager.enqueue_many("third", [b"1"])
        assert texts(waiter.leave().messages) == [b"1"]


class TestDeletion:
    def test_tells_how_many_messages_went_with_it(self, manager: QueueManager) -> None:
        manager.enqueue_many("emails", [b"1", b"2"])
        assert manager.delete("emails") == 2
        assert names(manager) == []
        assert manager.dropped == {"deleted": 2, "shutdown": 0}

    def test_ends_those_who_wait_for_a_message(self, manager: QueueManager) -> None:
        manager.create("emails", capacity=3)
        bell = Bell()
        waiter = in_line(manager, "emails", bell.ring)
        manager.delete("emails")
        assert bell.sleep(deadline_after(0))
        assert waiter.leave().messages == []

    def test_ends_those_who_wait_for_room(self, manager: QueueManager) -> None:
        manager.enqueue_many("emails", [b"1", b"2", b"3"])
        bell = Bell()
        waiter = in_line_for_room(manager, b"4", wake=bell.ring)
        manager.delete("emails")
        assert bell.sleep(deadline_after(0))
        with pytest.raises(QueueClosed):
            waiter.leave()

    def test_a_producer_that_begins_anew_gets_into_the_successor(
        self, manager: QueueManager
    ) -> None:
        manager.enqueue_many("emails", [b"1", b"2", b"3"])
        producer = Task(lambda: manager.enqueue("emails", b"4", 60))
        wait_until(lambda: manager.stats("emails").waiting_producers == 1)
        manager.delete("emails")
        assert producer.result().queue_size == 1

    def test_a_producer_spends_the_rest_of_its_time_in_the_successors_line(
        self, manager: QueueManager
    ) -> None:
        manager.enqueue_many("emails", [b"1", b"2", b"3"])
        batches = [[b"%d" % n, b"x"] for n in range(3)]
        producers = [Task(lambda b=b: manager.enqueue_many("emails", b, 60)) for b in batches]
        wait_until(lambda: manager.stats("emails").waiting_producers == 3)
        manager.delete("emails")  # there is room for one of them
        wait_until(lambda: manager.size == 2 and manager.stats("emails").waiting_producers == 2)
        received = [manager.dequeue_many("emails", 2, 60) for _ in producers]
        assert sorted(messages[0].payload for messages in received) == [b"0", b"1", b"2"]
        assert [producer.result().count for producer in producers] == [2, 2, 2]

    def test_a_deleted_queue_comes_back_new(self, manager: QueueManager) -> None:
        manager.create("emails", capacity=1)
        manager.enqueue_many("emails", [b"1"])
        manager.delete("emails")
        manager.enqueue_many("emails", [b"2", b"3"])
        stats = manager.stats("emails")
        assert (stats.size, stats.capacity, stats.enqueued_total) == (2, 3, 2)

    def test_gives_the_memory_back(self) -> None:
        manager = QueueManager(max_bytes=MESSAGE_OVERHEAD + 1)
        manager.enqueue_many("emails", [b"1"])
        manager.delete("emails")
        manager.enqueue_many("other", [b"1"])

    def test_what_comes_back_too_late_is_dropped_and_counted(self, manager: QueueManager) -> None:
        manager.enqueue_many("emails", [b"1", b"2"])
        back = taken(manager, 2)
        manager.delete("emails")
        manager.put_back("emails", back)
        assert manager.dropped == {"deleted": 2, "shutdown": 0}
        assert names(manager) == []

    def test_deletion_in_the_midst_of_traffic_loses_no_count(self) -> None:
        manager = QueueManager(default_capacity=10_000)

        def produce() -> int:
            return sum(manager.enqueue_many("emails", [b"x"]).count for _ in range(500))

        def delete() -> int:
            wait_until(lambda: names(manager) == ["emails"])
            return manager.delete("emails")

        *produced, deleted = run_all([produce, produce, produce, delete])
        assert sum(produced) == deleted + manager.size


class TestMemory:
    def test_a_peak_between_two_looks_is_remembered(self) -> None:
        manager = QueueManager()
        manager.enqueue_many("emails", [b"x" * 1000] * 10)
        manager.purge("emails")
        assert manager.bytes_held == 0
        assert manager.take_peak_bytes() == 10 * (MESSAGE_OVERHEAD + 1000)
        assert manager.take_peak_bytes() == 0

    def test_all_queues_together_hold_so_many_bytes(self) -> None:
        manager = QueueManager(max_bytes=2 * (MESSAGE_OVERHEAD + 1))
        manager.enqueue_many("one", [b"1"])
        full = [manager.memory_full]
        manager.enqueue_many("other", [b"2"])
        full.append(manager.memory_full)
        with pytest.raises(MemoryLimit):
            manager.enqueue_many("one", [b"3"])
        manager.dequeue("other")
        full.append(manager.memory_full)
        assert full == [False, True, False]
        manager.enqueue_many("one", [b"3"])


class TestPutBack:
    def test_returns_to_the_head(self, manager: QueueManager) -> None:
        manager.enqueue_many("emails", [b"1", b"2", b"3"])
        manager.put_back("emails", taken(manager, 2))
        assert texts(manager.peek("emails", 9).messages) == [b"1", b"2", b"3"]
        assert manager.dropped == {"deleted": 0, "shutdown": 0}

    def test_purge_leaves_the_queue(self, manager: QueueManager) -> None:
        manager.enqueue_many("emails", [b"1", b"2"])
        assert manager.purge("emails") == 2
        assert names(manager) == ["emails"]


class TestStopping:
    def test_draining_hands_out_but_takes_nothing_new(self, manager: QueueManager) -> None:
        manager.enqueue_many("emails", [b"1"])
        manager.drain()
        assert manager.draining
        for refused in (
            lambda: manager.enqueue_many("emails", [b"2"]),
            lambda: manager.enqueue_many("other", [b"2"]),
            lambda: manager.create("other", capacity=5),
        ):
            with pytest.raises(ShuttingDown):
                refused()
        assert texts(manager.dequeue_many("emails", 1)) == [b"1"]

    @pytest.mark.parametrize("name", ["emails", "unknown"])
    def test_draining_ends_those_who_wait(self, manager: QueueManager, name: str) -> None:
        manager.create("emails", capacity=3)
        bell = Bell()
        waiter = in_line(manager, name, bell.ring)
        manager.drain()
        assert bell.sleep(deadline_after(0))
        assert waiter.leave().messages == []

    def test_draining_ends_those_who_wait_for_room(self, manager: QueueManager) -> None:
        manager.enqueue_many("emails", [b"1", b"2", b"3"])
        bell = Bell()
        waiter = in_line_for_room(manager, b"4", wake=bell.ring)
        manager.drain()
        assert bell.sleep(deadline_after(0))
        with pytest.raises(ShuttingDown):
            waiter.leave()

    @pytest.mark.parametrize("name", ["emails", "unknown"])
    def test_nobody_waits_while_draining(self, manager: QueueManager, name: str) -> None:
        manager.create("emails", capacity=3)
        manager.drain()
        outcome = manager.begin_dequeue(name, wake=ignore)
        assert isinstance(outcome, Delivery)
        assert outcome.messages == []
        with pytest.raises(ShuttingDown):
            manager.dequeue(name, timeout=60)

    def test_what_comes_back_while_draining_can_be_taken(self, manager: QueueManager) -> None:
        manager.enqueue_many("emails", [b"1"])
        back = taken(manager)
        manager.drain()
        manager.put_back("emails", back)
        assert texts(manager.dequeue_many("emails", 1)) == [b"1"]

    def test_closing_tells_what_each_queue_still_held(self, manager: QueueManager) -> None:
        manager.enqueue_many("emails", [b"1", b"2"])
        manager.create("empty", capacity=3)
        assert manager.close() == {"emails": 2}
        assert manager.dropped == {"deleted": 0, "shutdown": 2}
        assert manager.size == 0
        assert manager.close() == {}

    def test_what_comes_back_after_closing_is_dropped_and_counted(
        self, manager: QueueManager
    ) -> None:
        manager.enqueue_many("emails", [b"1"])
        back = taken(manager)
        manager.close()
        manager.put_back("emails", back)
        assert manager.dropped == {"deleted": 0, "shutdown": 1}


def test_a_consumer_is_woken_without_any_lock(manager: QueueManager) -> None:
    seen: list[int] = []
    in_line(manager, "emails", lambda: seen.append(len(manager.dropped) + manager.size))
    Task(lambda: manager.enqueue_many("emails", [b"1"])).result(5)
    assert seen == [2]


def test_a_producer_is_woken_without_any_lock(manager: QueueManager) -> None:
    manager.enqueue_many("emails", [b"1", b"2", b"3"])
    seen: list[int] = []
    in_line_for_room(manager, b"4", wake=lambda: seen.append(len(manager.dropped)))
    Task(lambda: manager.dequeue("emails")).result(5)
    assert seen == [2]
