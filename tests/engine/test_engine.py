"""Two front ends over one Redis, each on an event loop of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.engine.engines import EngineFrontEnd, await_delivery, await_messages, await_receipt
from tests.engine.front_end import FrontEnd as ByHand
from tests.engine.servers import RedisConnection, RedisServer, needs_redis
from tests.helpers import wait_until
from zoldyq.contract.errors import BackendUnavailable, MaxQueuesReached, QueueFull
from zoldyq.contract.policy import Policy
from zoldyq.engine.settings import EngineSettings
from zoldyq.queue import Bell

pytestmark = needs_redis


Make = Callable[..., EngineFrontEnd]


@pytest.fixture
def front_end(redis: RedisConnection, redis_server: RedisServer) -> Iterator[Make]:
    """Make front ends: ``front_end(capacity=5, lease=1.0)``."""
    made: list[EngineFrontEnd] = []

    def make(
        url: str = "", *, capacity: int = 1000, max_queues: int = 100, lease: float = 2.0
    ) -> EngineFrontEnd:
        settings = EngineSettings(lease=lease, grace=2.0, timeout=1.0, max_queues=max_queues)
        policy = Policy(capacity=capacity)
        made.append(EngineFrontEnd(url or redis_server.url, settings, policy))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@contextmanager
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    try:
        yield server
    finally:
        server.stop()


def test_what_one_front_end_queues_another_takes_in_order(front_end: Make) -> None:
    a, b = front_end(), front_end()
    assert a.enqueue("q", b"1", b"2", b"3").queue_size == 3
    assert b.dequeue("q", 2) == [b"1", b"2"]
    assert a.dequeue("q") == [b"3"]
    assert b.dequeue("q") == []
    stats = a.queues.stats("q")
    assert (stats.enqueued_total, stats.dequeued_total, stats.size) == (3, 3, 0)


def test_thirty_consumers_of_two_front_ends_are_served_in_the_order_of_waiting(
    front_end: Make,
) -> None:
    a, b = front_end(), front_end()
    a.create("q")
    waiting = [(a, b)[number % 2].wait_in_line("q") for number in range(30)]
    for number, each in enumerate(waiting):
        b.enqueue("q", b"%d" % number)
        assert await_messages(*each) == [b"%d" % number]


def test_a_consumer_that_leaves_takes_nothing(front_end: Make) -> None:
    a, b = front_end(), front_end()
    a.create("q")
    bell, place = a.wait_in_line("q")
    assert place.leave(expired=True) is None, "the answer is still to come"
    assert await_messages(bell, place) == []
    b.enqueue("q", b"1")
    assert b.dequeue("q") == [b"1"]
    assert a.queues.stats("q").dequeue_timeout_total == 1


def test_messages_that_come_back_stand_where_they_were(front_end: Make) -> None:
    a = front_end()
    for payload in (b"1", b"2", b"3"):
        a.enqueue("q", payload)
    first, second = (await_delivery(*a.begin_dequeue("q")) for _ in range(2))
    a.queues.put_back("q", first)
    a.queues.put_back("q", second)
    wait_until(lambda: a.queues.stats("q").size == 3)
    assert a.dequeue("q", 5) == [b"1", b"2", b"3"]


def test_a_producer_that_waits_is_admitted_when_another_front_end_makes_room(
    front_end: Make,
) -> None:
    a, b = front_end(capacity=1), front_end(capacity=1)
    a.enqueue("q", b"1")
    with pytest.raises(QueueFull):
        b.enqueue("q", b"2")
    waiting = b.begin_enqueue("q", b"2", waits=True)
    wait_until(lambda: a.queues.stats("q").waiting_producers == 1)
    assert a.dequeue("q") == [b"1"]
    assert await_receipt(*waiting).count == 1
    assert a.dequeue("q") == [b"2"]


def test_the_number_of_queues_is_bounded_for_all_front_ends_together(front_end: Make) -> None:
    a, b = front_end(max_queues=1), front_end(max_queues=1)
    a.enqueue("one", b"1")
    with pytest.raises(MaxQueuesReached):
        b.enqueue("two", b"1")
    assert b.queues.delete("one") == 1
    wait_until(lambda: a.engine.settled)
    wait_until(lambda: _accepted(b, "two"))


def _accepted(front_end: EngineFrontEnd, name: str) -> bool:
    try:
        return front_end.enqueue(name, b"1").count == 1
    except MaxQueuesReached:
        return False


def test_a_deletion_ends_the_waits_of_all_front_ends(front_end: Make) -> None:
    a, b = front_end(), front_end()
    a.create("q")
    waiting = [a.wait_in_line("q"), b.wait_in_line("q")]
    b.queues.delete("q")
    assert [await_messages(*each) for each in waiting] == [[], []]


def test_connections_that_are_cut_lose_nothing_and_double_nothing(
    front_end: Make, redis: RedisConnection
) -> None:
    a, b = front_end(), front_end()
    sent, got = [], []
    for number in range(300):
        payload = b"%d" % number
        a.enqueue("q", payload)
        sent.append(payload)
        if number % 50 == 25:
            redis("CLIENT", "KILL", "TYPE", "normal")
            redis("CLIENT", "KILL", "TYPE", "pubsub")
        got += b.dequeue("q")
    got += b.dequeue("q", 1000)
    assert got == sent


def test_redis_that_is_away_is_told_and_comes_back(
    tmp_path_factory: pytest.TempPathFactory, front_end: Make
) -> None:
    with own_redis(tmp_path_factory) as server:
        a = front_end(server.url)
        a.enqueue("q", b"1")
        server.stop()
        with pytest.raises(BackendUnavailable):
            a.enqueue("q", b"2")
        assert not a.engine.up


def test_a_queue_that_is_deleted_and_used_again_is_listed(front_end: Make) -> None:
    a, b = front_end(), front_end()
    for _ in range(3):
        a.enqueue("q", b"1")
        assert [name for name, _ in b.queues.all_stats()] == ["q"]
        assert b.queues.delete("q") == 1
        wait_until(lambda: list(b.queues.all_stats()) == [])


def test_a_message_that_comes_back_keeps_its_lifetime(front_end: Make) -> None:
    a = front_end()
    bell = Bell()
    await_receipt(bell, a.queues.begin_enqueue("q", [b"1"], ttl=1_000_000, wake=bell.ring))
    delivery = await_delivery(*a.begin_dequeue("q"))
    a.queues.put_back("q", delivery)
    wait_until(lambda: a.queues.stats("q").put_back_total == 1)
    wait_until(lambda: a.queues.stats("q").expired_total == 1)
    assert a.dequeue("q") == []


def test_a_consumer_that_leaves_when_its_message_has_come_returns_it(front_end: Make) -> None:
    a = front_end()
    a.create("q")
    _, place = a.wait_in_line("q")
    a.engine.leave(place, False)  # it is on its way while the message comes
    a.enqueue("q", b"1")
    wait_until(lambda: a.queues.stats("q").size == 1)
    assert a.dequeue("q") == [b"1"]


def test_what_a_dead_front_end_was_given_comes_back_though_others_start_all_the_time(
    front_end: Make, redis: RedisConnection
) -> None:
    dead = ByHand(redis, "dead")
    dead.enqueue(b"1", b"2")
    assert dead.dequeue() == [b"1"]
    redis("HSET", "zoldyq:queues", "q", "gen-dead")
    # Front ends that have just begun sweep as well, and may not call others dead.
    redis("SET", "zoldyq:sweeper:new", "another")
    a = front_end(lease=0.2)
    wait_until(lambda: a.queues.stats("q").put_back_total == 1)
    assert a.dequeue("q", 5) == [b"1", b"2"]


def test_a_hand_over_between_front_ends_takes_three_calls(front_end: Make) -> None:
    a, b = front_end(lease=60.0), front_end(lease=60.0)
    a.create("q")
    before = a.engine.counters.calls + b.engine.counters.calls
    for _ in range(20):
        waiting = a.wait_in_line("q")
        b.enqueue("q", b"1")
        assert await_messages(*waiting) == [b"1"]
    # To stand in line, to enqueue, and to take what was rung for.
    assert a.engine.counters.calls + b.engine.counters.calls - before == 60


def test_a_move_tells_consumers_of_another_front_end_and_keeps_what_finds_no_room(
    front_end: Make,
) -> None:
    a, b = front_end(capacity=2), front_end(capacity=2)
    a.queues.create("to")
    bell = Bell()
    place = b.queues.begin_dequeue("to", 1, 1_000, wake=bell.ring, waits=True)
    wait_until(lambda: a.queues.stats("to").waiting_consumers == 1)
    a.enqueue("from", b"1")
    a.enqueue("from", b"2")
    moved = a.queues.move("from", "to")
    assert (moved.moved, moved.left) == (2, 0)
    assert await_messages(bell, place) == [b"1"]
    a.enqueue("from", b"3")
    a.enqueue("from", b"4")
    assert a.queues.move("from", "to") == (1, 1)
    assert a.dequeue("from") == [b"4"]
