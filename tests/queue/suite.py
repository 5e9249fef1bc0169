"""What every engine promises of its queues: one suite, which each of them inherits.

An engine gives its queues by the fixtures ``queues`` (with the defaults below) and ``make``. Times
are real and short; the tests wait for states. Calls go by :class:`zoldyq.queue.Queues` alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.helpers import wait_until
from zoldyq.contract.errors import (
    BatchExceedsCapacity,
    InvalidCapacity,
    InvalidPolicy,
    MessageTooLarge,
    QueueExists,
    QueueFull,
    QueueNotFound,
    UnknownField,
)
from zoldyq.contract.policy import Policy
from zoldyq.queue import (
    MESSAGE_OVERHEAD,
    Bell,
    ConsumerPlace,
    Delivery,
    ProducerPlace,
    Queues,
    Receipt,
    deadline_after,
)

#: Makes queues with the given arguments of the engine.
Make = Callable[..., Queues]

#: A lifetime in seconds that is over soon, and one that is not over while a test runs.
SOON, LATER = 0.05, 600


def enqueue(queues: Queues, *payloads: bytes, name: str = "q", ttl: float | None = None) -> Receipt:
    """Append messages, which have to be taken at once."""
    microseconds = None if ttl is None else int(ttl * 1_000_000)
    receipt = queues.begin_enqueue(name, payloads, ttl=microseconds)
    assert isinstance(receipt, Receipt)
    return receipt


def take(queues: Queues, count: int = 100, name: str = "q") -> Delivery:
    """Take what is there."""
    delivery = queues.begin_dequeue(name, count)
    assert isinstance(delivery, Delivery)
    return delivery


def received(queues: Queues, count: int = 100) -> list[bytes]:
    return [message.payload for message in take(queues, count).messages]


def peeked(queues: Queues) -> list[bytes]:
    return [message.payload for message in queues.peek("q", 100).messages]


def producer(queues: Queues, *payloads: bytes, wake: Callable[[], None]) -> ProducerPlace:
    """A producer that has to wait for room."""
    place = queues.begin_enqueue("q", payloads, wake=wake)
    assert isinstance(place, ProducerPlace)
    return place


def consumer(queues: Queues, wake: Callable[[], None], name: str = "q") -> ConsumerPlace:
    """A consumer that has to wait for a message."""
    place = queues.begin_dequeue(name, wake=wake)
    assert isinstance(place, ConsumerPlace)
    return place


def kept_until(queues: Queues, condition: Callable[[], bool]) -> None:
    """Wait for a state that the engine's housekeeping brings about."""

    def kept() -> bool:
        queues.keep_house()
        return condition()

    wait_until(kept)


def ignore() -> None:
    """Wake nobody: the test looks for itself."""


class QueuesTests:
    """Inherit this, and give the fixture ``make``."""

    @pytest.fixture
    def make(self) -> Make:
        raise NotImplementedError("each engine makes its own queues")

    @pytest.fixture
    def queues(self, make: Make) -> Iterator[Queues]:
        """Queues that hold 3 messages each; the law of counting holds in the end."""
        queues = make(default_capacity=3)
        yield queues
        for _, stats in queues.all_stats():
            assert stats.enqueued_total + stats.put_back_total == (
                stats.dequeued_total
                + stats.purged_total
                + stats.expired_total
                + stats.overflow_dropped_total
                + stats.size
            )

    # -- creating and changing ---------------------------------------------------------------

    def test_a_queue_is_created_with_a_policy_of_its_own(self, queues: Queues) -> None:
        created, policy = queues.create("q", ttl_seconds=60, overflow="drop_oldest")
        assert created
        assert policy == Policy(capacity=3, ttl_seconds=60, overflow="drop_oldest")
        stats = queues.stats("q")
        assert (stats.capacity, stats.ttl_seconds, stats.overflow) == (3, 60, "drop_oldest")
        assert (stats.max_bytes, stats.idle_seconds) == (None, None)

    def test_a_queue_that_exists_agrees_or_is_refused(self, queues: Queues) -> None:
        queues.create("q", ttl_seconds=60)
        for given in ({}, {"ttl_seconds": 60}, {"ttl_seconds": 60, "capacity": 3}):
            assert not queues.create("q", **given).changed
        with pytest.raises(QueueExists) as refusal:
            queues.create("q", ttl_seconds=61, capacity=3, max_bytes=2000)
        assert refusal.value.details == {
            "queue_name": "q",
            "differs": ["ttl_seconds", "max_bytes"],
            **Policy(capacity=3, ttl_seconds=60).document(),
        }

    @pytest.mark.parametrize(
        ("given", "refusal"),
        [
            ({"capacity": 0}, InvalidCapacity),
            ({"capacity": None}, InvalidCapacity),
            ({"max_bytes": 1023}, InvalidPolicy),
            ({"ttl_seconds": 0}, InvalidPolicy),
            ({"ttl_seconds": 2_678_401}, InvalidPolicy),
            ({"overflow": "drop"}, InvalidPolicy),
            ({"idle_seconds": 0.5}, InvalidPolicy),
            ({"color": "red"}, UnknownField),
        ],
    )
    def test_a_wrong_field_is_refused_and_changes_nothing(
        self, queues: Queues, given: dict[str, Any], refusal: type[Exception]
    ) -> None:
        with pytest.raises(refusal):
            queues.create("q", **{"ttl_seconds": 5, **given})
        assert list(queues.all_stats()) == []
        queues.create("q")
        with pytest.raises(refusal):
            queues.update("q", **{"ttl_seconds": 5, **given})
        assert queues.stats("q").ttl_seconds is None

    def test_an_unknown_queue_cannot_be_changed(self, queues: Queues) -> None:
        with pytest.raises(QueueNotFound):
            queues.update("q", capacity=5)

    def test_more_room_admits_producers_that_wait(self, queues: Queues) -> None:
        enqueue(queues, b"1", b"2", b"3")
        bell = Bell()
        place = producer(queues, b"4", wake=bell.ring)
        assert queues.update("q", capacity=4) == (True, Policy(capacity=4))
        assert bell.sleep(deadline_after(10))
        assert place.leave().queue_size == 4

    def test_less_room_keeps_what_is_queued(self, queues: Queues) -> None:
        enqueue(queues, b"1", b"2", b"3")
        queues.update("q", capacity=1)
        with pytest.raises(QueueFull):
            enqueue(queues, b"4")
        assert received(queues) == [b"1", b"2", b"3"]

    def test_less_room_drops_the_surplus_of_a_queue_that_drops_its_oldest(
        self, queues: Queues
    ) -> None:
        enqueue(queues, b"1", b"2", b"3")
        queues.update("q", capacity=1, overflow="drop_oldest")
        assert queues.stats("q").overflow_dropped_total == 2
        assert received(queues) == [b"3"]

    def test_a_queue_that_begins_to_drop_its_oldest_admits_producers(self, queues: Queues) -> None:
        enqueue(queues, b"1", b"2", b"3")
        bell = Bell()
        place = producer(queues, b"4", b"5", wake=bell.ring)
        queues.update("q", overflow="drop_oldest")
        assert bell.sleep(deadline_after(10))
        assert (place.leave().dropped, received(queues)) == (2, [b"3", b"4", b"5"])

    def test_a_producer_whose_batch_never_fits_any_more_is_told(self, queues: Queues) -> None:
        enqueue(queues, b"1", b"2", b"3")
        bell = Bell()
        place = producer(queues, b"4", b"5", wake=bell.ring)
        queues.update("q", capacity=1)
        assert bell.sleep(deadline_after(10))
        with pytest.raises(BatchExceedsCapacity):
            place.leave()

    # -- lifetimes ---------------------------------------------------------------------------

    @pytest.mark.parametrize("own", [False, True])
    def test_an_expired_message_comes_out_nowhere(self, queues: Queues, own: bool) -> None:
        queues.create("q", **({} if own else {"ttl_seconds": SOON}))
        enqueue(queues, b"1", b"2", ttl=SOON if own else None)
        assert peeked(queues) == [b"1", b"2"]
        wait_until(lambda: not peeked(queues))
        assert received(queues) == []
        stats = queues.stats("q")
        assert (stats.expired_total, stats.size, stats.bytes, stats.dequeued_total) == (2, 0, 0, 0)

    def test_what_has_not_expired_comes_out_in_order(self, queues: Queues) -> None:
        enqueue(queues, b"1", ttl=SOON)
        enqueue(queues, b"2", ttl=LATER)
        enqueue(queues, b"3")
        wait_until(lambda: peeked(queues) == [b"2", b"3"])
        assert received(queues) == [b"2", b"3"]

    def test_a_look_at_one_message_passes_over_those_that_expired(self, queues: Queues) -> None:
        enqueue(queues, b"1", b"2", ttl=SOON)
        enqueue(queues, b"3")

        def oldest() -> list[bytes]:
            return [message.payload for message in queues.peek("q").messages]

        assert oldest() == [b"1"]
        wait_until(lambda: oldest() != [b"1"])
        assert oldest() == [b"3"]

    def test_the_shorter_lifetime_holds(self, queues: Queues) -> None:
        queues.create("q", ttl_seconds=SOON)
        enqueue(queues, b"1", ttl=LATER)
        wait_until(lambda: not peeked(queues))

    def test_a_shorter_life_behind_a_longer_one_waits_for_the_head(self, queues: Queues) -> None:
        enqueue(queues, b"1")
        enqueue(queues, b"2", ttl=SOON)
        enqueue(queues, b"3")
        wait_until(lambda: peeked(queues) == [b"1", b"3"])
        assert queues.stats("q").size == 3
        assert received(queues, 2) == [b"1", b"3"]
        assert queues.stats("q").expired_total == 1

    def test_housekeeping_finds_what_nobody_asks_for(self, queues: Queues) -> None:
        queues.create("q", ttl_seconds=SOON)
        enqueue(queues, b"1", b"2")
        held = queues.bytes_held
        assert held > 0
        kept_until(queues, lambda: queues.bytes_held == 0)
        assert queues.stats("q").expired_total == 2

    def test_producers_get_the_room_of_what_expired(self, queues: Queues) -> None:
        enqueue(queues, b"1", b"2", b"3", ttl=SOON)
        bell = Bell()
        place = producer(queues, b"4", b"5", b"6", wake=bell.ring)
        kept_until(queues, lambda: place.settled)
        assert bell.sleep(deadline_after(0))
        assert place.leave().queue_size == 3
        assert received(queues) == [b"4", b"5", b"6"]

    def test_a_newcomer_gets_the_room_of_what_expired(self, queues: Queues) -> None:
        enqueue(queues, b"1", b"2", b"3", ttl=SOON)
        wait_until(lambda: not peeked(queues))
        assert enqueue(queues, b"4", b"5", b"6").queue_size == 3

    def test_a_shorter_lifetime_holds_for_what_is_queued(self, queues: Queues) -> None:
        queues.create("q", ttl_seconds=LATER)
        enqueue(queues, b"1", b"2")
        time.sleep(0.002)
        queues.update("q", ttl_seconds=0.001)
        stats = queues.stats("q")
        assert (stats.size, stats.expired_total) == (0, 2)

    @pytest.mark.parametrize("ttl", [None, LATER])
    def test_a_longer_lifetime_brings_nothing_back(self, queues: Queues, ttl: float | None) -> None:
        queues.create("q", ttl_seconds=SOON)
        enqueue(queues, b"1")
        wait_until(lambda: not peeked(queues))
        queues.keep_house()
        queues.update("q", ttl_seconds=ttl)
        assert received(queues) == []
        enqueue(queues, b"2")
        assert received(queues) == [b"2"]

    def test_what_comes_back_expired_is_counted_and_gone(self, queues: Queues) -> None:
        enqueue(queues, b"1", ttl=SOON)
        enqueue(queues, b"2")
        delivery = take(queues)
        born = delivery.messages[0].enqueued_at
        wait_until(lambda: time.time_ns() // 1000 > born + SOON * 1_000_000)
        queues.put_back("q", delivery)
        stats = queues.stats("q")
        assert (stats.put_back_total, stats.expired_total, stats.size) == (2, 1, 1)
        assert received(queues) == [b"2"]

    def test_what_comes_back_alive_keeps_its_lifetime(self, queues: Queues) -> None:
        enqueue(queues, b"1", b"2", ttl=SOON)
        queues.put_back("q", take(queues))
        wait_until(lambda: not peeked(queues))
        assert received(queues) == []

    # -- overflow ----------------------------------------------------------------------------

    def test_the_oldest_messages_go_for_new_ones(self, queues: Queues) -> None:
        queues.create("q", overflow="drop_oldest")
        receipts = [enqueue(queues, b"%d" % number) for number in range(5)]
        assert [receipt.dropped for receipt in receipts] == [0, 0, 0, 1, 1]
        assert enqueue(queues, b"5", b"6").dropped == 2
        assert received(queues) == [b"4", b"5", b"6"]
        assert queues.stats("q").overflow_dropped_total == 4

    def test_a_batch_larger_than_the_queue_drops_nothing(self, queues: Queues) -> None:
        queues.create("q", overflow="drop_oldest")
        enqueue(queues, b"1", b"2", b"3")
        with pytest.raises(BatchExceedsCapacity):
            enqueue(queues, *[b"x"] * 4)
        assert received(queues) == [b"1", b"2", b"3"]

    def test_what_is_on_its_way_out_is_not_dropped(self, queues: Queues) -> None:
        queues.create("q", overflow="drop_oldest")
        enqueue(queues, b"1", b"2", b"3")
        delivery = take(queues, 2)
        enqueue(queues, b"4", b"5", b"6")
        queues.put_back("q", delivery)
        assert peeked(queues) == [b"1", b"2", b"4", b"5", b"6"]
        assert enqueue(queues, b"7").dropped == 3
        assert received(queues) == [b"5", b"6", b"7"]

    def test_a_consumer_that_waits_is_served_before_anything_is_dropped(
        self, queues: Queues
    ) -> None:
        queues.create("q", overflow="drop_oldest")
        place = consumer(queues, ignore)
        assert enqueue(queues, b"1", b"2", b"3").dropped == 0
        assert [message.payload for message in place.leave().messages] == [b"1"]

    # -- a bound in bytes --------------------------------------------------------------------

    #: A payload of which two fit into a queue of 1024 bytes.
    HALF = b"x" * (512 - MESSAGE_OVERHEAD)

    def test_a_bound_in_bytes_refuses_and_says_how_many_there_are(self, queues: Queues) -> None:
        queues.create("q", max_bytes=1024)
        enqueue(queues, self.HALF, self.HALF)
        with pytest.raises(QueueFull) as refusal:
            enqueue(queues, b"")
        assert refusal.value.details == {
            "queue_name": "q",
            "queue_capacity": 3,
            "queue_size": 2,
            "queue_bytes": 1024,
            "queue_max_bytes": 1024,
        }

    def test_a_producer_waits_for_room_in_bytes(self, queues: Queues) -> None:
        queues.create("q", max_bytes=1024)
        enqueue(queues, self.HALF, self.HALF)
        bell = Bell()
        place = producer(queues, self.HALF, wake=bell.ring)
        take(queues, 1)
        assert bell.sleep(deadline_after(10))
        assert place.leave().queue_size == 2

    def test_the_oldest_go_until_the_bytes_fit(self, queues: Queues) -> None:
        queues.create("q", max_bytes=1024, overflow="drop_oldest")
        enqueue(queues, b"1", b"2", self.HALF)
        assert enqueue(queues, self.HALF).dropped == 2
        assert received(queues) == [self.HALF, self.HALF]

    @pytest.mark.parametrize("overflow", ["reject", "drop_oldest"])
    def test_what_never_fits_is_told_apart(self, queues: Queues, overflow: str) -> None:
        queues.create("q", max_bytes=1024, overflow=overflow)
        enqueue(queues, b"1")
        with pytest.raises(MessageTooLarge) as refusal:
            enqueue(queues, b"x" * 1000)
        assert refusal.value.details["queue_max_bytes"] == 1024
        with pytest.raises(BatchExceedsCapacity):
            enqueue(queues, b"x" * 500, b"x" * 500)
        assert received(queues) == [b"1"]
        with pytest.raises(MessageTooLarge):
            enqueue(queues, b"x" * 1000)  # also where the queue is empty

    # -- idle queues and queues that are not created on demand ---------------------------------

    def test_an_idle_queue_goes(self, queues: Queues) -> None:
        queues.create("q", idle_seconds=1)
        queues.create("other")
        began = time.monotonic()
        kept_until(queues, lambda: [name for name, _ in queues.all_stats()] == ["other"])
        assert time.monotonic() - began >= 1

    @pytest.mark.parametrize("use", ["a message", "a consumer that waits"])
    def test_a_queue_in_use_stays(self, queues: Queues, use: str) -> None:
        queues.create("q", idle_seconds=1)
        queues.create("idle", idle_seconds=1)
        place = consumer(queues, ignore) if use == "a consumer that waits" else None
        if place is None:
            enqueue(queues, b"1")
        kept_until(queues, lambda: [name for name, _ in queues.all_stats()] == ["q"])
        if place is not None:
            place.leave()

    def test_looking_is_no_use_and_taking_is_one(self, queues: Queues) -> None:
        queues.create("looked_at", idle_seconds=1)
        queues.create("used", idle_seconds=1)

        def gone() -> bool:
            for name, _ in queues.all_stats():
                queues.peek(name)
                queues.stats(name)
            take(queues, name="used")
            queues.keep_house()
            return [name for name, _ in queues.all_stats()] == ["used"]

        wait_until(gone)

    def test_nothing_is_created_on_demand_where_that_is_not_wanted(self, make: Make) -> None:
        queues = make(auto_create=False, declared=["q"])
        with pytest.raises(QueueNotFound):
            enqueue(queues, b"1", name="mistyped")
        with pytest.raises(QueueNotFound):
            queues.begin_dequeue("mistyped", wake=ignore)
        assert take(queues, name="mistyped").messages == []
        enqueue(queues, b"1")
        queues.create("other")
        assert [name for name, _ in queues.all_stats()] == ["other", "q"]

    def test_what_was_declared_holds_for_a_name(self, make: Make) -> None:
        queues = make(
            declared=["q"],
            policy_of=lambda name: Policy(capacity=len(name), overflow="drop_oldest"),
        )
        assert queues.stats("q").capacity == 1
        enqueue(queues, b"1", name="abc")
        assert (queues.stats("abc").capacity, queues.stats("abc").overflow) == (3, "drop_oldest")
        assert queues.create("ab", overflow="reject").policy == Policy(capacity=2)
        queues.delete("ab")
        assert queues.create("ab").policy == Policy(capacity=2, overflow="drop_oldest")
