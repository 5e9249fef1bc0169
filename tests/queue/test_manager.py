from __future__ import annotations

import threading
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
from zoldyq.queue import (
    MESSAGE_OVERHEAD,
    Bell,
    QueueManager,
    Receipt,
    RoomWaiter,
    Waiter,
    check_queue_name,
    deadline_after,
)


@pytest.fixture
def manager() -> QueueManager:
    return QueueManager(default_capacity=3, max_queues=2)


def names(manager: QueueManager) -> list[str]:
    return [stats.name for stats in manager.all_stats()]


def joined(manager: QueueManager, name: str, count: int = 1) -> Waiter:
    waiter = Waiter(ignore, count)
    manager.join(name, waiter)
    return waiter


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
    def test_the_first_message_brings_a_queue_into_being(self, manager: QueueManager) -> None:
        assert manager.offer("emails", [b"1"]).queue_size == 1
        assert manager.stats("emails").capacity == 3
        assert texts(manager.poll("emails").messages) == [b"1"]

    def test_queues_do_not_mix(self, manager: QueueManager) -> None:
        manager.offer("one", [b"1"])
        manager.offer("other", [b"2", b"3"])
        assert texts(manager.poll("other", 9).messages) == [b"2", b"3"]
        assert texts(manager.poll("one", 9).messages) == [b"1"]
        assert manager.size == 0

    def test_statistics_are_ordered_by_name(self, manager: QueueManager) -> None:
        manager.offer("b", [b"1"])
        manager.offer("a", [b"2", b"3"])
        assert [(stats.name, stats.size) for stats in manager.all_stats()] == [("a", 2), ("b", 1)]
        assert manager.size == 3

    def test_a_queue_may_be_given_a_capacity_of_its_own(self, manager: QueueManager) -> None:
        assert manager.create("emails", 1)
        assert not manager.create("emails", 1)
        manager.offer("emails", [b"1"])
        with pytest.raises(QueueFull):
            manager.offer("emails", [b"2"])

    def test_another_capacity_is_refused(self, manager: QueueManager) -> None:
        manager.create("emails", 1)
        with pytest.raises(QueueExists) as refusal:
            manager.create("emails", 2)
        assert refusal.value.details == {"queue_name": "emails", "queue_capacity": 1}
        assert manager.stats("emails").capacity == 1

    @pytest.mark.parametrize("capacity", [0, -1, QueueManager.max_capacity + 1])
    def test_a_capacity_has_bounds(self, manager: QueueManager, capacity: int) -> None:
        with pytest.raises(InvalidCapacity):
            manager.create("emails", capacity)
        assert names(manager) == []

    def test_no_more_queues_than_allowed(self, manager: QueueManager) -> None:
        manager.offer("one", [b"1"])
        manager.create("other", 5)
        for create in (
            lambda: manager.offer("third", [b"1"]),
            lambda: manager.create("third", 5),
        ):
            with pytest.raises(MaxQueuesReached) as refusal:
                create()
            assert refusal.value.details == {"max_queues": 2}
        manager.offer("one", [b"2"])  # those that exist go on
        manager.delete("other")
        manager.offer("third", [b"1"])
        assert names(manager) == ["one", "third"]

    def test_refused_messages_bring_no_queue_into_being(self) -> None:
        manager = QueueManager(default_capacity=3, max_bytes=200)
        with pytest.raises(BatchExceedsCapacity):
            manager.offer("emails", [b"x"] * 4)
        with pytest.raises(MemoryLimit):
            manager.offer("emails", [b"x" * 200])
        assert names(manager) == []

    def test_threads_that_come_first_at_once_share_one_queue(self) -> None:
        manager = QueueManager(max_queues=1)
        run_all([lambda: [manager.offer("emails", [b"x"]) for _ in range(50)]] * 8)
        assert manager.stats("emails").enqueued_total == 400

    def test_a_refused_batch_takes_no_others_message_along(
        self, manager: QueueManager, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While the first batch for a name is being refused, another thread's message comes."""
        inside, refused = threading.Event(), threading.Event()
        others: list[Task[Receipt]] = []

        def now() -> int:
            if threading.current_thread() is threading.main_thread():
                others.append(Task(lambda: manager.offer("emails", [b"1"])))
                inside.wait(0.1)  # in vain, as long as nobody sees the queue before it is filled
            else:
                inside.set()
                refused.wait(10)
            return 1

        monkeypatch.setattr("zoldyq.queue.message_queue.now_us", now)
        with pytest.raises(BatchExceedsCapacity):
            manager.offer("emails", [b"x"] * 4)
        refused.set()
        assert others[0].result().count == 1
        assert texts(manager.poll("emails").messages) == [b"1"]

    def test_a_queue_that_was_created_survives_a_refused_batch(self, manager: QueueManager) -> None:
        manager.create("emails", 3)
        with pytest.raises(BatchExceedsCapacity):
            manager.offer("emails", [b"x"] * 4)
        assert names(manager) == ["emails"]


class TestUnknownNames:
    def test_there_is_nothing_to_take(self, manager: QueueManager) -> None:
        assert manager.poll("emails").messages == []
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
        waiters = [joined(manager, name) for name in ("one", "other", "third", "emails")]
        assert names(manager) == []
        manager.offer("emails", [b"1"])
        assert names(manager) == ["emails"]
        received = [texts(manager.leave(waiter).messages) for waiter in waiters]
        assert received == [[], [], [], [b"1"]]

    def test_a_thread_that_waits_there_is_woken(self, manager: QueueManager) -> None:
        bell = Bell()
        waiter = Waiter(bell.ring)
        manager.join("emails", waiter)
        sleeper = Task(lambda: bell.sleep(deadline_after(60)))
        manager.offer("emails", [b"1"])
        assert sleeper.result()
        assert texts(manager.leave(waiter).messages) == [b"1"]

    def test_those_who_wait_there_keep_their_order(self, manager: QueueManager) -> None:
        first, second = joined(manager, "emails"), joined(manager, "emails")
        manager.offer("emails", [b"1"])
        manager.offer("emails", [b"2"])
        assert texts(manager.leave(second).messages) == [b"2"]
        assert texts(manager.leave(first).messages) == [b"1"]

    def test_a_name_is_forgotten_when_the_last_waiter_leaves(self, manager: QueueManager) -> None:
        first, second = joined(manager, "emails"), joined(manager, "emails")
        manager.leave(first, expired=True)
        manager.leave(second, expired=True)
        manager.offer("emails", [b"1"])
        # The time-outs of those who waited before are forgotten along with the name.
        assert manager.stats("emails").dequeue_timeout_total == 0

    def test_a_name_is_kept_while_somebody_waits(self, manager: QueueManager) -> None:
        first, second = joined(manager, "emails"), joined(manager, "emails")
        manager.leave(first)
        manager.leave(first)
        manager.offer("emails", [b"1"])
        assert texts(manager.leave(second).messages) == [b"1"]

    def test_waiting_there_does_not_fix_the_capacity(self, manager: QueueManager) -> None:
        waiter = joined(manager, "emails")
        assert manager.create("emails", 7)
        assert manager.stats("emails").capacity == 7
        manager.offer("emails", [b"1"])
        assert texts(manager.leave(waiter).messages) == [b"1"]

    def test_a_refused_batch_does_not_disturb_who_waits(self, manager: QueueManager) -> None:
        waiter = joined(manager, "emails")
        with pytest.raises(BatchExceedsCapacity):
            manager.offer("emails", [b"x"] * 4)
        manager.offer("emails", [b"1"])
        assert texts(manager.leave(waiter).messages) == [b"1"]

    def test_the_limit_on_queues_holds_where_somebody_waits(self, manager: QueueManager) -> None:
        waiter = joined(manager, "third")
        manager.create("one", 1)
        manager.create("other", 1)
        with pytest.raises(MaxQueuesReached):
            manager.offer("third", [b"1"])
        manager.delete("one")
        manager.offer("third", [b"1"])
        assert texts(manager.leave(waiter).messages) == [b"1"]

    def test_leaving_without_having_joined_is_harmless(self, manager: QueueManager) -> None:
        assert manager.leave(Waiter(ignore)).messages == []
        with pytest.raises(QueueClosed):
            manager.leave_room(RoomWaiter(ignore, [b"1"]))


class TestDeletion:
    def test_tells_how_many_messages_went_with_it(self, manager: QueueManager) -> None:
        manager.offer("emails", [b"1", b"2"])
        assert manager.delete("emails") == 2
        assert names(manager) == []
        assert manager.dropped == {"deleted": 2, "shutdown": 0}

    def test_ends_those_who_wait_for_a_message(self, manager: QueueManager) -> None:
        manager.create("emails", 3)
        bell = Bell()
        waiter = Waiter(bell.ring)
        manager.join("emails", waiter)
        manager.delete("emails")
        assert bell.sleep(deadline_after(0))
        assert manager.leave(waiter).messages == []

    def test_ends_those_who_wait_for_room(self, manager: QueueManager) -> None:
        manager.offer("emails", [b"1", b"2", b"3"])
        bell = Bell()
        waiter = RoomWaiter(bell.ring, [b"4"])
        assert not manager.join_for_room("emails", waiter)
        manager.delete("emails")
        assert bell.sleep(deadline_after(0))
        with pytest.raises(QueueClosed):
            manager.leave_room(waiter)

    def test_who_comes_too_late_for_room_is_told(self, manager: QueueManager) -> None:
        waiter = RoomWaiter(ignore, [b"4"])
        assert manager.join_for_room("emails", waiter)
        with pytest.raises(QueueClosed):
            manager.leave_room(waiter)

    def test_a_deleted_queue_comes_back_new(self, manager: QueueManager) -> None:
        manager.create("emails", 1)
        manager.offer("emails", [b"1"])
        manager.delete("emails")
        manager.offer("emails", [b"2", b"3"])
        stats = manager.stats("emails")
        assert (stats.size, stats.capacity, stats.enqueued_total) == (2, 3, 2)

    def test_gives_the_memory_back(self) -> None:
        manager = QueueManager(max_bytes=MESSAGE_OVERHEAD + 1)
        manager.offer("emails", [b"1"])
        manager.delete("emails")
        manager.offer("other", [b"1"])

    def test_what_comes_back_too_late_is_dropped_and_counted(self, manager: QueueManager) -> None:
        manager.offer("emails", [b"1", b"2"])
        taken = manager.poll("emails", 2).messages
        manager.delete("emails")
        manager.put_back("emails", taken)
        assert manager.dropped == {"deleted": 2, "shutdown": 0}
        assert names(manager) == []

    def test_deletion_in_the_midst_of_traffic_loses_no_count(self) -> None:
        manager = QueueManager(default_capacity=10_000)

        def produce() -> int:
            return sum(manager.offer("emails", [b"x"]).count for _ in range(500))

        def delete() -> int:
            wait_until(lambda: names(manager) == ["emails"])
            return manager.delete("emails")

        *produced, deleted = run_all([produce, produce, produce, delete])
        assert sum(produced) == deleted + manager.size


class TestMemory:
    def test_all_queues_together_hold_so_many_bytes(self) -> None:
        manager = QueueManager(max_bytes=2 * (MESSAGE_OVERHEAD + 1))
        manager.offer("one", [b"1"])
        full = [manager.memory_full]
        manager.offer("other", [b"2"])
        full.append(manager.memory_full)
        with pytest.raises(MemoryLimit):
            manager.offer("one", [b"3"])
        manager.poll("other")
        full.append(manager.memory_full)
        assert full == [False, True, False]
        manager.offer("one", [b"3"])


class TestPutBack:
    def test_returns_to_the_head(self, manager: QueueManager) -> None:
        manager.offer("emails", [b"1", b"2", b"3"])
        manager.put_back("emails", manager.poll("emails", 2).messages)
        assert texts(manager.peek("emails", 9).messages) == [b"1", b"2", b"3"]
        assert manager.dropped == {"deleted": 0, "shutdown": 0}

    def test_purge_leaves_the_queue(self, manager: QueueManager) -> None:
        manager.offer("emails", [b"1", b"2"])
        assert manager.purge("emails") == 2
        assert names(manager) == ["emails"]


class TestStopping:
    def test_draining_hands_out_but_takes_nothing_new(self, manager: QueueManager) -> None:
        manager.offer("emails", [b"1"])
        manager.drain()
        assert manager.draining
        for refused in (
            lambda: manager.offer("emails", [b"2"]),
            lambda: manager.offer("other", [b"2"]),
            lambda: manager.create("other", 5),
        ):
            with pytest.raises(ShuttingDown):
                refused()
        assert texts(manager.poll("emails").messages) == [b"1"]

    @pytest.mark.parametrize("name", ["emails", "unknown"])
    def test_draining_ends_those_who_wait(self, manager: QueueManager, name: str) -> None:
        manager.create("emails", 3)
        bell = Bell()
        waiter = Waiter(bell.ring)
        manager.join(name, waiter)
        manager.drain()
        assert bell.sleep(deadline_after(0))
        assert manager.leave(waiter).messages == []

    def test_draining_ends_those_who_wait_for_room(self, manager: QueueManager) -> None:
        manager.offer("emails", [b"1", b"2", b"3"])
        bell = Bell()
        waiter = RoomWaiter(bell.ring, [b"4"])
        manager.join_for_room("emails", waiter)
        manager.drain()
        assert bell.sleep(deadline_after(0))
        with pytest.raises(ShuttingDown):
            manager.leave_room(waiter)

    @pytest.mark.parametrize("name", ["emails", "unknown"])
    def test_nobody_waits_while_draining(self, manager: QueueManager, name: str) -> None:
        manager.create("emails", 3)
        manager.drain()
        waiter = Waiter(ignore)
        assert manager.join(name, waiter)
        assert manager.leave(waiter).messages == []

    def test_what_comes_back_while_draining_can_be_taken(self, manager: QueueManager) -> None:
        manager.offer("emails", [b"1"])
        taken = manager.poll("emails").messages
        manager.drain()
        manager.put_back("emails", taken)
        assert texts(manager.poll("emails").messages) == [b"1"]

    def test_closing_tells_what_each_queue_still_held(self, manager: QueueManager) -> None:
        manager.offer("emails", [b"1", b"2"])
        manager.create("empty", 3)
        assert manager.close() == {"emails": 2}
        assert manager.dropped == {"deleted": 0, "shutdown": 2}
        assert manager.size == 0
        assert manager.close() == {}

    def test_what_comes_back_after_closing_is_dropped_and_counted(
        self, manager: QueueManager
    ) -> None:
        manager.offer("emails", [b"1"])
        taken = manager.poll("emails").messages
        manager.close()
        manager.put_back("emails", taken)
        assert manager.dropped == {"deleted": 0, "shutdown": 1}


def test_a_consumer_is_woken_without_any_lock(manager: QueueManager) -> None:
    seen: list[int] = []
    manager.join("emails", Waiter(lambda: seen.append(len(manager.dropped) + manager.size)))
    Task(lambda: manager.offer("emails", [b"1"])).result(5)
    assert seen == [2]


def test_a_producer_is_woken_without_any_lock(manager: QueueManager) -> None:
    manager.offer("emails", [b"1", b"2", b"3"])
    seen: list[int] = []
    manager.join_for_room("emails", RoomWaiter(lambda: seen.append(len(manager.dropped)), [b"4"]))
    Task(lambda: joined(manager, "emails")).result(5)
    assert seen == [2]
