"""Messages that are moved to another queue of this process: locks, lifetimes, and what fails."""

from __future__ import annotations

import threading

import pytest

from tests.helpers import run_all
from zoldyq.contract.errors import MaxQueuesReached, MemoryLimit, QueueNotFound, ShuttingDown
from zoldyq.queue import MESSAGE_OVERHEAD, QueueManager


def payloads(queues: QueueManager, name: str) -> list[bytes]:
    return [message.payload for message in queues.peek(name, 10_000).messages]


def test_moves_in_a_circle_lose_nothing_and_never_block_each_other() -> None:
    """Two threads move between two queues both ways, while others enqueue and dequeue."""
    queues = QueueManager(default_capacity=50)
    taken: list[bytes] = []
    lock = threading.Lock()
    done = threading.Event()

    def produce(name: str) -> None:
        for number in range(1_500):
            queues.enqueue(name, b"%s%d" % (name.encode(), number), timeout=30)

    def move(name: str, to: str) -> None:
        while not done.is_set():
            if name in queues.names():
                queues.move(name, to, 7)

    def consume(name: str) -> None:
        while True:
            messages = queues.dequeue_many(name, 5, timeout=0.01)
            with lock:
                taken.extend(message.payload for message in messages)
                if len(taken) == 3_000:
                    done.set()
            if done.is_set():
                return

    work = [lambda name=name: produce(name) for name in "ab"]
    work += [lambda: move("a", "b"), lambda: move("b", "a")]
    work += [lambda name=name: consume(name) for name in "ab"]
    run_all(work)
    assert len(set(taken)) == len(taken) == 3_000
    assert queues.bytes_held == 0


def test_what_the_other_queue_refuses_stays_where_it_was() -> None:
    queues = QueueManager(max_queues=1)
    queues.enqueue_many("a", [b"1", b"2"])
    with pytest.raises(MaxQueuesReached):
        queues.move("a", "b")
    assert payloads(queues, "a") == [b"1", b"2"]
    with pytest.raises(QueueNotFound):
        queues.move("nowhere", "a")


def test_an_exception_in_between_puts_the_messages_back_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queues = QueueManager()
    queues.enqueue_many("a", [b"1", b"2", b"3"])
    queues.create("b")

    def fail(*_: object) -> int:
        raise MemoryError

    monkeypatch.setattr(QueueManager, "_take_in", fail)
    with pytest.raises(MemoryError):
        queues.move("a", "b", 2)
    assert payloads(queues, "a") == [b"1", b"2", b"3"]
    assert queues.bytes_held == 3 * (MESSAGE_OVERHEAD + 1)


def test_memory_that_another_producer_took_in_between_stops_the_move(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queues = QueueManager(max_bytes=1_000)
    queues.enqueue_many("a", [b"1", b"2"])
    take_in = QueueManager._take_in

    def late(self: QueueManager, name: str, messages: object) -> int:
        monkeypatch.undo()
        queues.enqueue("c", b"x" * 800)
        return take_in(self, name, messages)

    monkeypatch.setattr(QueueManager, "_take_in", late)
    with pytest.raises(MemoryLimit):
        queues.move("a", "b")
    assert payloads(queues, "a") == [b"1", b"2"]


def test_messages_that_were_enqueued_later_do_not_hide_that_older_ones_expire() -> None:
    queues = QueueManager()
    queues.begin_enqueue("a", [b"old"], 1)
    queues.enqueue("b", b"new")
    queues.move("a", "b")
    queues.update("b", ttl_seconds=600)
    messages = queues.dequeue_many("b", 10)
    assert [message.payload for message in messages] == [b"new"]
    assert queues.stats("b").expired_total == 1


def test_what_would_have_expired_in_the_other_queue_goes_to_no_consumer() -> None:
    queues = QueueManager()
    queues.begin_enqueue("a", [b"old", b"older"], 1)
    queues.enqueue("a", b"new")
    queues.create("b", ttl_seconds=600)
    place = queues.begin_dequeue("b", 5, wake=lambda: None)
    assert queues.move("a", "b").moved == 3
    assert [message.payload for message in place.leave().messages] == [b"new"]
    stats = queues.stats("b")
    assert (stats.enqueued_total, stats.expired_total, stats.dequeued_total) == (3, 2, 1)


def test_nothing_is_moved_while_the_server_stops() -> None:
    queues = QueueManager()
    queues.enqueue("a", b"1")
    queues.create("b")
    queues.drain()
    assert queues.move("a", "b").moved == 0
    with pytest.raises(ShuttingDown):
        queues.move("a", "c")
    assert payloads(queues, "a") == [b"1"]
