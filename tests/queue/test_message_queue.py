from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from tests.helpers import Task, wait_until
from tests.queue.places import (
    Payload,
    collect,
    ignore,
    in_line,
    in_line_for_room,
    queue_of,
    taken,
    texts,
)
from zoldyq.contract.errors import BatchExceedsCapacity, QueueClosed, QueueFull, ShuttingDown
from zoldyq.queue import (
    MESSAGE_OVERHEAD,
    Delivery,
    Message,
    MessageQueue,
    now_us,
)


class TestFifo:
    def test_messages_leave_in_the_order_in_which_they_came(self, queue: MessageQueue) -> None:
        queue.enqueue(b"1")
        queue.enqueue_many([b"2", b"3"])
        assert [queue.dequeue(), queue.dequeue(), queue.dequeue()] == queue_of(b"1", b"2", b"3")
        assert queue.dequeue() is None

    def test_the_receipt_tells_size_and_time(self, queue: MessageQueue) -> None:
        before = now_us()
        first = queue.enqueue(b"1")
        batch = queue.enqueue_many([b"2", b"3"])
        assert (first.count, first.queue_size) == (1, 1)
        assert (batch.count, batch.queue_size) == (2, 3)
        assert before <= first.enqueued_at <= batch.enqueued_at <= now_us()
        stamps = [message.enqueued_at for message in queue.dequeue_many(3)]
        assert stamps == [first.enqueued_at, batch.enqueued_at, batch.enqueued_at]

    def test_the_caller_may_bring_the_time_along(self, queue: MessageQueue) -> None:
        assert queue.begin_enqueue([b"1"], at=42).enqueued_at == 42
        assert queue.dequeue() == Message(b"1", 42)

    def test_payloads_are_any_bytes_at_all(self, queue: MessageQueue) -> None:
        payloads = [b"", b"\x00\xff", b"\n"]
        queue.enqueue_many(payloads)
        assert texts(queue.dequeue_many(3)) == payloads

    def test_a_batch_is_taken_as_far_as_it_goes(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        assert texts(queue.dequeue_many(2)) == [b"1", b"2"]
        assert texts(queue.dequeue_many(2)) == [b"3"]
        assert queue.dequeue_many(2) == []

    def test_a_delivery_tells_how_many_are_left(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        assert taken(queue, 1).queue_size == 2
        assert taken(queue, 5).queue_size == 0

    def test_peek_takes_nothing(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        assert texts(queue.peek().messages) == [b"1"]
        assert texts(queue.peek(9).messages) == [b"1", b"2", b"3"]
        assert queue.peek(2).queue_size == len(queue) == 3

    @pytest.mark.parametrize("look", [MessageQueue.peek, taken])
    def test_a_bound_on_bytes_is_kept(self, look: Callable[..., object]) -> None:
        for bound, expected in ((300, 3), (299, 2), (200, 2), (101, 1), (100, 1), (1, 1)):
            queue = MessageQueue("emails", 10)
            queue.enqueue_many([b"x" * 100] * 3)
            delivery = look(queue, 10, bound)
            assert len(delivery.messages) == expected  # type: ignore[attr-defined]

    def test_purge_drops_everything_and_counts_it(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2"])
        assert queue.purge() == 2
        assert queue.purge() == 0
        assert queue.dequeue() is None
        assert queue.stats().purged_total == 2

    @pytest.mark.parametrize(
        "drop", [MessageQueue.purge, partial(MessageQueue.close, discard=True)]
    )
    def test_what_is_dropped_is_freed_without_the_lock(self, drop: Callable[..., int]) -> None:
        queue = MessageQueue("emails", 10_000)
        was_locked = []

        class Watched(bytes):
            def __del__(self) -> None:
                was_locked.append(queue._lock.locked())

        queue.enqueue_many([Watched(b"1") for _ in range(5_000)])
        assert drop(queue) == 5_000
        assert was_locked == [False] * 5_000
        assert queue.stats().bytes == 0

    @pytest.mark.parametrize("capacity", [0, -1])
    def test_a_queue_without_room_makes_no_sense(self, capacity: int) -> None:
        with pytest.raises(ValueError, match="capacity"):
            MessageQueue("emails", capacity)

    def test_nobody_dequeues_less_than_one(self, queue: MessageQueue) -> None:
        with pytest.raises(ValueError, match="count"):
            queue.dequeue_many(0)


class TestCapacity:
    def test_a_full_queue_refuses_and_stays_as_it_is(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        with pytest.raises(QueueFull) as refusal:
            queue.enqueue(b"4")
        assert refusal.value.details == {
            "queue_name": "emails",
            "queue_capacity": 3,
            "queue_size": 3,
        }
        assert texts(queue.dequeue_many(9)) == [b"1", b"2", b"3"]
        assert queue.stats().queue_full_total == 1

    def test_a_batch_gets_in_whole_or_not_at_all(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2"])
        with pytest.raises(QueueFull):
            queue.enqueue_many([b"3", b"4"])
        assert len(queue) == 2

    def test_a_batch_that_never_fits_is_told_apart(self, queue: MessageQueue) -> None:
        with pytest.raises(BatchExceedsCapacity) as refusal:
            queue.enqueue_many([b"x"] * 4, timeout=None)
        assert refusal.value.details["count"] == 4
        assert queue.stats().queue_full_total == 0

    def test_a_batch_may_fill_the_queue_to_the_brim(self, queue: MessageQueue) -> None:
        assert queue.enqueue_many([b"x"] * 3).queue_size == 3

    def test_a_place_in_line_is_no_refusal_yet(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"x"] * 3)
        place = in_line_for_room(queue, b"4")
        assert queue.stats().queue_full_total == 0
        with pytest.raises(QueueFull):
            place.leave()
        assert queue.stats().queue_full_total == 0


class TestClosing:
    def test_what_is_queued_can_still_be_taken(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2"])
        assert queue.close() == 0
        assert queue.closed
        assert queue.dequeue() == Payload(b"1")
        assert texts(queue.dequeue_many(9, timeout=60)) == [b"2"]
        for timeout in (0, 60):
            with pytest.raises(QueueClosed):
                queue.dequeue(timeout)

    def test_takes_nothing_new(self, queue: MessageQueue) -> None:
        queue.close()
        for timeout in (0, 60):
            with pytest.raises(QueueClosed):
                queue.enqueue(b"1", timeout)
            with pytest.raises(QueueClosed):
                queue.enqueue_many([b"1", b"2"], timeout)
        assert len(queue) == 0

    def test_wakes_everybody_who_waits_for_a_message(self, queue: MessageQueue) -> None:
        consumers = [Task(lambda: queue.dequeue(60)) for _ in range(3)]
        wait_until(lambda: queue.stats().waiting_consumers == 3)
        queue.close()
        for consumer in consumers:
            with pytest.raises(QueueClosed):
                consumer.result()
        stats = queue.stats()
        assert (stats.waiting_consumers, stats.dequeue_timeout_total) == (0, 0)

    def test_wakes_everybody_who_waits_for_room(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        producers = [Task(lambda: queue.enqueue(b"x", 60)) for _ in range(3)]
        wait_until(lambda: queue.stats().waiting_producers == 3)
        queue.close()
        for producer in producers:
            with pytest.raises(QueueClosed):
                producer.result()
        assert texts(queue.dequeue_many(9)) == [b"1", b"2", b"3"]

    def test_room_in_a_closed_queue_lets_nobody_in(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        waiter = in_line_for_room(queue, b"4")
        queue.close()
        queue.purge()
        with pytest.raises(QueueClosed):
            waiter.leave()
        assert len(queue) == 0

    def test_no_line_forms_at_a_closed_queue(self, queue: MessageQueue) -> None:
        queue.close()
        outcome = queue.begin_dequeue(wake=ignore)
        assert isinstance(outcome, Delivery)
        assert outcome.messages == []
        with pytest.raises(QueueClosed):
            queue.begin_enqueue([b"1"], wake=ignore)

    def test_producers_are_told_that_the_server_stops(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2", b"3"])
        place = in_line_for_room(queue, b"4")
        queue.close(stopping=True)
        with pytest.raises(ShuttingDown):
            place.leave()
        with pytest.raises(ShuttingDown):
            queue.enqueue(b"4")

    def test_a_message_handed_over_before_is_still_delivered(self, queue: MessageQueue) -> None:
        waiter = in_line(queue)
        queue.enqueue(b"1")
        queue.close(discard=True)
        assert collect(waiter) == [[b"1"]]

    def test_discarding_counts_what_it_drops(self, queue: MessageQueue) -> None:
        queue.enqueue_many([b"1", b"2"])
        queue.close()
        assert queue.close(discard=True) == 2
        assert queue.close(discard=True) == 0
        assert queue.stats().purged_total == 2


class TestStats:
    def test_a_new_queue_has_done_nothing(self, queue: MessageQueue) -> None:
        stats = queue.stats()
        assert (stats.size, stats.capacity, stats.utilization, stats.bytes) == (0, 3, 0, 0)
        assert stats.oldest_age_seconds == 0

    def test_the_oldest_message_is_the_one_at_the_head(self, queue: MessageQueue) -> None:
        now = now_us()
        queue.begin_enqueue([b"1"], at=now - 3_600_000_000)
        queue.begin_enqueue([b"2"], at=now - 60_000_000)
        assert queue.stats().oldest_age_seconds == pytest.approx(3600, abs=30)
        queue.dequeue()
        assert queue.stats().oldest_age_seconds == pytest.approx(60, abs=30)

    def test_no_message_is_younger_than_now(self, queue: MessageQueue) -> None:
        queue.begin_enqueue([b"1"], at=now_us() + 3_600_000_000)
        assert queue.stats().oldest_age_seconds == 0

    def test_a_message_that_was_handed_over_has_been_through(self, queue: MessageQueue) -> None:
        waiter = in_line(queue)
        queue.enqueue(b"1")
        stats = queue.stats()
        assert (stats.enqueued_total, stats.dequeued_total, stats.size) == (1, 1, 0)
        assert collect(waiter) == [[b"1"]]

    def test_a_snapshot_is_never_torn(self) -> None:
        queue = MessageQueue("emails", 100)
        done = threading.Event()

        def churn() -> None:
            for _ in range(300):
                queue.enqueue_many([b"x"] * 3, timeout=60)
                queue.dequeue_many(3, timeout=60)
            done.set()

        def watch() -> Sequence[str]:
            torn = []
            while not done.is_set():
                stats = queue.stats()
                inside = stats.enqueued_total - stats.dequeued_total
                held = stats.size * (1 + MESSAGE_OVERHEAD)
                if stats.size not in (0, 3) or (inside, stats.bytes) != (stats.size, held):
                    torn.append(str(stats))
            return torn

        watcher = Task(watch)
        Task(churn).result()
        assert watcher.result() == []
