"""The scripts, branch by branch, against a real Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import hiredis
import pytest

from tests.engine.front_end import FrontEnd, message
from tests.engine.servers import RedisConnection, RedisServer, needs_redis
from tests.helpers import wait_until
from zoldyq.engine import scripts

pytestmark = needs_redis

Make = Callable[..., FrontEnd]
NO_QUEUE, ACCEPTED, FULL, WAITS, TOO_MANY, TOO_LARGE = range(6)
A_MINUTE = 60_000_000
FOR_EVER = (1000, False, False, "reject", False)


def now_us() -> int:
    return time.time_ns() // 1000


def policy(
    capacity: int = 1000,
    max_bytes: int | bool = False,
    ttl_us: int | bool = False,
    overflow: str = "reject",
) -> tuple[object, ...]:
    return (capacity, max_bytes, ttl_us, overflow, False)


@contextmanager
def ringing(server: RedisServer, front_end: FrontEnd) -> Iterator[RedisConnection]:
    """Have a connection listen to the rings for a front end."""
    with server.connect() as connection:
        connection("SSUBSCRIBE", front_end.bell + front_end.e)
        yield connection


def law(front_end: FrontEnd, dequeued: int) -> None:
    """The law of the counters: what came in went out or is there."""
    s = front_end.stats()
    came = s["enqueued"] + s["put_back"]
    assert came == dequeued + s["purged"] + s["expired"] + s["overflow_dropped"] + s["size"]


class TestOrder:
    def test_messages_leave_in_the_order_in_which_they_came(self, front_end: Make) -> None:
        a, b = front_end("A"), front_end("B")
        assert a.enqueue(b"1", b"2") == [ACCEPTED, 2, 0]
        assert b.enqueue(b"3") == [ACCEPTED, 3, 0]
        assert a.dequeue(2) + b.dequeue(2) == [b"1", b"2", b"3"]
        law(a, 3)

    def test_messages_that_come_back_stand_at_the_head(self, front_end: Make) -> None:
        a = front_end("A", policy=policy(3))
        a.enqueue(b"1", b"2", b"3")
        taken = a.call(takes=[[2, 1 << 20, ""]]).messages
        a.enqueue(b"4", b"5")
        assert a.call(returned=taken[::-1]).kept == 2  # above capacity, too
        assert a.dequeue(10) == [b"1", b"2", b"3", b"4", b"5"]
        law(a, 7)

    def test_a_reply_is_bounded_by_bytes_and_leaves_the_rest_at_the_head(
        self, front_end: Make
    ) -> None:
        a = front_end("A")
        a.enqueue(*[b"%d" % n * 100 for n in range(1, 8)])
        assert len(a.call(takes=[[5, 250, ""]]).messages) == 2
        assert len(a.call(takes=[[5, 1, ""]]).messages) == 1  # one is always given
        assert [m[:1] for m in a.dequeue(10)] == [b"4", b"5", b"6", b"7"]


class TestRepeatedCalls:
    def test_the_same_call_again_brings_the_same_reply_and_moves_nothing(
        self, front_end: Make
    ) -> None:
        a = front_end("A")
        a.enqueue(b"1", b"2")
        first = a.call(takes=[[1, 1 << 20, ""]], offers=[([message(b"3", 1)], "", "")])
        again = a.call(
            number=a.number, takes=[[1, 1 << 20, ""]], offers=[([message(b"3", 1)], "", "")]
        )
        assert again == first
        assert a.stats()["size"] == 2

    def test_a_late_packet_of_an_older_call_does_not_run(self, front_end: Make) -> None:
        a = front_end("A")
        a.enqueue(b"1")
        a.call()
        late = a.call(number=1, offers=[([message(b"1", 1)], "", "")])
        assert late.state == b"STALE"
        assert a.stats()["size"] == 1

    def test_a_call_that_was_confirmed_does_not_run_again(
        self, front_end: Make, redis: RedisConnection
    ) -> None:
        a = front_end("A")
        a.enqueue(b"1", b"2")
        a.dequeue()
        redis("DEL", a.keys[5])
        assert a.call(number=a.number, takes=[[1, 1 << 20, ""]]).state == b"STALE"
        assert a.stats()["size"] == 1


class TestTheLineOfConsumers:
    def test_front_ends_are_served_in_the_order_in_which_they_began_to_wait(
        self, front_end: Make, redis_server: RedisServer
    ) -> None:
        a, b = front_end("A"), front_end("B")
        with ringing(redis_server, a), ringing(redis_server, b):
            places = [a.wait(), b.wait(), a.wait()]
            front_end("C").enqueue(b"1", b"2")
            assert b.call().served == [places[1].encode(), 1]
            assert a.call().served == [places[0].encode(), 1]
            assert a.stats()["consumers"] == 1

    def test_a_newcomer_takes_nothing_from_those_who_wait(
        self, front_end: Make, redis_server: RedisServer
    ) -> None:
        a, b = front_end("A"), front_end("B")
        with ringing(redis_server, a):
            a.wait()
            assert b.enqueue(b"1")[0] == ACCEPTED
            assert b.dequeue() == []
            assert a.call().payloads == [b"1"]

    def test_the_size_that_a_producer_is_told_leaves_out_what_waiting_consumers_get(
        self, front_end: Make, redis_server: RedisServer
    ) -> None:
        a, b = front_end("A"), front_end("B")
        with ringing(redis_server, a):
            a.wait()
            a.wait()
            assert b.enqueue(b"1", b"2", b"3") == [ACCEPTED, 1, 0]

    def test_many_dead_places_are_struck_off_in_portions(self, front_end: Make) -> None:
        dead, alive = front_end("A", lease_ms=1), front_end("B")
        for _ in range(5):
            dead.call(takes=[[1, 1 << 20, dead.token(1, 1 << 20)] for _ in range(1000)])
        left = [5000]
        alive.enqueue(b"1")
        while left[-1]:
            left.append(alive.stats()["consumers"])
            more = alive.call().more
        assert all(0 < before - after < 2600 for before, after in pairwise(left[1:])), left
        assert more == 0
        assert alive.dequeue() == [b"1"]

    def test_one_call_serves_several_own_places(self, front_end: Make) -> None:
        a = front_end("A")
        first, second = a.wait(2), a.wait()
        reply = a.call(offers=[([message(b"%d" % n, 1) for n in range(4)], "", "")])
        assert reply.served == [first.encode(), 2, second.encode(), 1]
        assert a.stats()["size"] == 1

    def test_places_of_a_front_end_that_hears_no_ring_are_struck_off(self, front_end: Make) -> None:
        dead, alive = front_end("A"), front_end("B")
        dead.wait()
        place = alive.wait()
        assert alive.enqueue(b"1")[0] == ACCEPTED
        assert alive.stats()["consumers"] == 0
        assert alive.stats()["size"] == 0, "the living place behind the dead one was served"
        assert dead.call().places_void == 1
        assert place

    def test_places_are_void_when_the_lease_is_over(
        self, front_end: Make, redis_server: RedisServer
    ) -> None:
        frozen, alive = front_end("A", lease_ms=1), front_end("B")
        with ringing(redis_server, frozen):
            frozen.wait()
            alive.wait()
            wait_until(lambda: alive.call(beat=True) is not None and time.sleep(0.002) is None)
            assert alive.call(offers=[([message(b"1", 1)], "", "")]).payloads == [b"1"]

    def test_ten_thousand_dead_places_are_struck_off_in_portions(self, front_end: Make) -> None:
        dead, alive = front_end("A"), front_end("B")
        for _ in range(10):
            tokens = [dead.token(1, 1) for _ in range(1000)]
            dead.call(takes=[[1, 1, token] for token in tokens])
        place = alive.wait()
        reply = alive.call(offers=[([message(b"1", 1)], "", "")])
        calls = 1
        while not reply.served:
            assert reply.more == 1
            reply = alive.call()
            calls += 1
        assert calls > 2
        assert reply.served == [place.encode(), 1]

    def test_leaving_says_whether_the_place_was_still_there(self, front_end: Make) -> None:
        a = front_end("A")
        place = a.wait()
        assert a.call(leaving=[["w", place, False]]).left == [1]
        assert a.call(leaving=[["w", place, False]]).left == [0]


class TestOffers:
    def test_a_batch_is_queued_whole_or_not_at_all(self, front_end: Make) -> None:
        a = front_end("A", policy=policy(3))
        a.enqueue(b"1", b"2")
        assert a.enqueue(b"3", b"4")[0] == FULL
        assert a.enqueue(b"3")[0] == ACCEPTED
        assert a.enqueue(*[b"x"] * 4)[0] == TOO_MANY
        assert a.stats()["full"] == 1
        law(a, 0)

    def test_an_unknown_queue_is_created_only_with_a_policy(self, front_end: Make) -> None:
        a = front_end("A")
        assert a.call(create=False, offers=[([message(b"1", 1)], "", "")]).offered[0][0] == NO_QUEUE
        assert a.stats() == {}

    def test_a_bound_in_bytes_counts_the_overhead(self, front_end: Make) -> None:
        a = front_end("A", policy=policy(1000, max_bytes=300))
        assert a.enqueue(b"x" * 100)[0] == ACCEPTED
        assert a.enqueue(b"x" * 100)[0] == FULL
        assert a.enqueue(b"x" * 300)[0] == TOO_LARGE
        assert a.stats()["bytes"] == 196

    def test_drop_oldest_makes_room_and_tells_how_many_went(self, front_end: Make) -> None:
        a = front_end("A", policy=policy(3, overflow="drop_oldest"))
        a.enqueue(b"1", b"2", b"3")
        assert a.enqueue(b"4", b"5") == [ACCEPTED, 3, 2]
        assert a.dequeue(9) == [b"3", b"4", b"5"]
        law(a, 3)

    def test_memory_that_is_full_refuses_offers_and_lets_messages_out(
        self, front_end: Make, redis: RedisConnection
    ) -> None:
        a = front_end("A")
        a.enqueue(b"1")
        redis("CONFIG", "SET", "maxmemory", "1")
        try:
            with pytest.raises(hiredis.ReplyError, match="OOM"):
                a.enqueue(b"2")
            a.number -= 1
            assert a.dequeue() == [b"1"]
        finally:
            redis("CONFIG", "SET", "maxmemory", "0")


class TestTheLineForRoom:
    def wait_for_room(self, front_end: FrontEnd, payload: bytes) -> str:
        token = front_end.token(1, len(payload) + 96)
        outcome = front_end.call(offers=[([message(payload, 1)], token, "")]).offered[0]
        front_end.has_places = True
        assert outcome[0] == WAITS
        return token

    def test_producers_are_admitted_in_the_order_in_which_they_began_to_wait(
        self, front_end: Make, redis_server: RedisServer
    ) -> None:
        a, b = front_end("A", policy=policy(1)), front_end("B")
        with ringing(redis_server, a), ringing(redis_server, b):
            a.enqueue(b"1")
            first, second = self.wait_for_room(a, b"2"), self.wait_for_room(b, b"3")
            assert b.enqueue(b"4")[0] == FULL, "nobody overtakes the line"
            reply = a.call(takes=[[1, 1 << 20, ""]])
            assert reply.my_turn == first.encode()
            late = b.call(offers=[([message(b"3", 1)], "", second)])
            assert late.offered[0][0] == WAITS, "it is not first"
            assert a.call(offers=[([message(b"2", 1)], "", first)]).offered[0][0] == ACCEPTED
            assert a.dequeue() == [b"2"]
            assert b.call(offers=[([message(b"3", 1)], "", second)]).offered[0][0] == ACCEPTED

    def test_a_dead_producer_is_struck_off(self, front_end: Make) -> None:
        dead = front_end("A", lease_ms=1)
        alive = front_end("B", policy=policy(1))
        alive.enqueue(b"1")
        self.wait_for_room(dead, b"2")
        assert alive.dequeue() == [b"1"]
        wait_until(lambda: alive.enqueue(b"3")[0] == ACCEPTED)
        assert alive.stats()["producers"] == 0


class TestLifetimes:
    def test_an_expired_message_is_never_given(self, front_end: Make) -> None:
        a = front_end("A", policy=policy(ttl_us=A_MINUTE))
        now = now_us()
        a.enqueue(b"old", at=now - 2 * A_MINUTE)
        a.enqueue(b"new", at=now)
        assert a.run(scripts.PEEK, 10, 1000)[1] == [message(b"new", now)]
        assert a.dequeue(10) == [b"new"]
        assert a.stats()["expired"] == 1
        law(a, 1)

    def test_a_lifetime_of_its_own_ends_behind_a_longer_one(self, front_end: Make) -> None:
        a = front_end("A")
        a.enqueue(b"1", at=now_us())
        a.enqueue(b"2", at=now_us(), expires=now_us() - 1)
        a.enqueue(b"3", at=now_us(), expires=now_us() + A_MINUTE)
        assert a.dequeue(10) == [b"1", b"3"]
        assert a.stats()["bytes"] == 0
        law(a, 2)

    def test_a_message_that_comes_back_too_late_is_counted_and_stays_away(
        self, front_end: Make
    ) -> None:
        a = front_end("A")
        a.enqueue(b"1", at=now_us())
        a.dequeue()
        a.call(returned=[message(b"1", now_us(), now_us() - 1)])
        assert a.stats()["put_back"] == a.stats()["expired"] == 1
        law(a, 1)

    def test_expiry_makes_room_without_anybody_who_takes(self, front_end: Make) -> None:
        a = front_end("A", policy=policy(1, ttl_us=A_MINUTE))
        a.enqueue(b"1", at=now_us() - 2 * A_MINUTE)
        assert a.run(scripts.SWEEP, a.bell, "A", 30000) == [0, [], 0]
        assert a.stats()["size"] == 0


def take_back(by: FrontEnd, from_: FrontEnd, age_ms: int = -1000) -> int:
    """Have one front end take back what another has not confirmed."""
    keys = [*by.keys[:5], from_.keys[5]]
    return by._redis("EVAL", scripts.REAP.text, 6, *keys, from_.e, age_ms, by.bell)


def confirm(front_end: FrontEnd, number: int = 0) -> int:
    """Have a front end confirm its last call, or that with this number."""
    keys = front_end.keys[4:]
    text = scripts.CONFIRM.text
    return front_end._redis("EVAL", text, 2, *keys, front_end.e, number or front_end.number)


class TestReaping:
    def test_what_was_given_and_never_confirmed_goes_back_to_the_head(
        self, front_end: Make
    ) -> None:
        dead, alive = front_end("A"), front_end("B")
        dead.enqueue(b"1", b"2", b"3")
        assert dead.dequeue(2) == [b"1", b"2"]
        assert take_back(alive, dead, 60_000) == -1
        assert take_back(alive, dead) == 2
        assert alive.dequeue(5) == [b"1", b"2", b"3"]
        law(alive, 5)

    def test_a_front_end_that_lives_learns_that_its_messages_were_taken_back(
        self, front_end: Make
    ) -> None:
        cut_off, other = front_end("A"), front_end("B")
        other.enqueue(b"1", b"2")
        cut_off.dequeue(2)
        take_back(other, cut_off)
        assert confirm(cut_off) == 0
        assert cut_off.call().taken_back == b",%d," % (cut_off.number - 1)
        assert cut_off.dequeue() == [b"1"]
        assert confirm(cut_off) == 1
        assert cut_off.call().taken_back == b""

    def test_a_call_that_comes_again_after_its_messages_were_taken_back_does_not_run(
        self, front_end: Make
    ) -> None:
        cut_off, other = front_end("A"), front_end("B")
        other.enqueue(b"1")
        cut_off.call(offers=[([message(b"2", 1)], "", "")], takes=[[1, 1 << 20, ""]])
        take_back(other, cut_off)
        again = cut_off.call(number=cut_off.number, offers=[([message(b"2", 1)], "", "")])
        assert again.state == b"STALE"
        assert str(cut_off.number).encode() in again.generation
        assert other.dequeue(5) == [b"1", b"2"]

    def test_a_late_confirmation_leaves_the_next_reply_alone(self, front_end: Make) -> None:
        a = front_end("A")
        a.enqueue(b"1", b"2")
        a.dequeue()
        a.dequeue()
        assert confirm(a, a.number - 1) == 1
        assert a.call(number=a.number).payloads == [b"2"]

    def test_nothing_stays_of_a_dead_front_end(
        self, front_end: Make, redis: RedisConnection
    ) -> None:
        dead, alive = front_end("A"), front_end("B")
        dead.enqueue(b"1")
        dead.dequeue()
        dead.wait()
        dead.call(takes=[[1, 1 << 20, ""]])
        confirm(dead)
        take_back(alive, dead)
        fields = redis("HKEYS", dead.keys[4])
        assert {name.decode() for name in fields} == {"#seq"}


class TestAdministration:
    def test_a_purge_is_counted(self, front_end: Make) -> None:
        a = front_end("A")
        a.enqueue(b"1", b"2")
        assert a.run(scripts.PURGE, "purge", a.bell) == 2
        assert a.dequeue() == []
        law(a, 0)

    def test_a_deletion_rings_all_and_leaves_nothing(
        self, front_end: Make, redis_server: RedisServer, redis: RedisConnection
    ) -> None:
        a = front_end("A")
        with ringing(redis_server, a):
            a.wait()
            a.enqueue(b"1", b"2")
            assert a.run(scripts.PURGE, "delete", a.bell) == 1
        keys = {key.decode() for key in redis("KEYS", "zoldyq:*")}
        assert keys <= {a.keys[5]}  # the stored reply, which its owner confirms

    def test_creation_tells_what_is_there(self, front_end: Make) -> None:
        a = front_end("A")
        assert a.run(scripts.CREATE, "g1", 5, "", "", "reject", "") == [1, []]
        assert a.run(scripts.CREATE, "g2", 6, "", "", "reject", "") == [
            0,
            [b"5", b"", b"", b"reject", b""],
        ]

    def test_less_room_drops_the_surplus_of_a_queue_that_drops(self, front_end: Make) -> None:
        a = front_end("A")
        a.enqueue(*[b"%d" % n for n in range(10)])
        assert a.run(scripts.UPDATE, a.bell, "capacity", 4)[:2] == [1, 0]
        assert a.run(scripts.UPDATE, a.bell, "overflow", "drop_oldest")[:2] == [1, 6]
        assert a.dequeue(10) == [b"6", b"7", b"8", b"9"]
        law(a, 4)

    def test_an_idle_queue_goes(self, front_end: Make) -> None:
        a = front_end("A", policy=(5, False, False, "reject", 1))
        a.enqueue(b"1")
        assert a.run(scripts.SWEEP, a.bell, "A", 30000) == [0, [], 0]
        a.dequeue()
        wait_until(lambda: a.run(scripts.SWEEP, a.bell, "A", 30000)[0] in (1, -1))
        assert a.stats() == {}

    def test_the_index_of_names_is_bounded_and_keeps_a_successor(
        self, redis: RedisConnection
    ) -> None:
        def run(script: scripts.Script, *arguments: str | int) -> object:
            return redis("EVAL", script.text, 1, "zoldyq:queues", *arguments)

        assert run(scripts.RESERVE, "a", "g1", 1) == 1
        assert run(scripts.RESERVE, "a", "g2", 1) == 1
        assert run(scripts.RESERVE, "b", "g3", 1) == 0
        assert run(scripts.FORGET, "a", "g1") == 0
        assert run(scripts.FORGET, "a", "g2") == 1
