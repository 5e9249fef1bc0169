"""Front ends over a primary that sentinels watch, through the loss of that primary."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.engine.engines import EngineFrontEnd, EngineLoad, await_messages
from tests.engine.fake import SENTINEL_HELLO, SUBSCRIBED, Answer, FakeServer, bulk, words
from tests.engine.servers import RedisServer, free_port, needs_redis
from tests.engine.sets import SentinelSet
from tests.helpers import wait_until
from zoldyq.contract.errors import BackendUnavailable
from zoldyq.engine.address import name_of

pytestmark = needs_redis

Make = Callable[..., EngineFrontEnd]


@pytest.fixture
def sentinels(sentinel_set: SentinelSet) -> Iterator[SentinelSet]:
    """The shared set, whole before and after."""
    yield sentinel_set
    sentinel_set.settle()


def wait_for_replica(sentinels: SentinelSet, queue: str, count: int, prefix: str) -> None:
    """Wait until the replica has so many messages of a queue."""
    with sentinels.replica.connect() as ask:
        wait_until(lambda: ask("LLEN", f"{prefix}:{{{queue}}}:m") == count)


def test_a_new_primary_serves_what_the_replica_had(sentinels: SentinelSet, engine: Make) -> None:
    a = engine(sentinels.url)
    b = engine(sentinels.url)
    payloads = [b"%d" % number for number in range(100)]
    a.enqueue("q", *payloads)
    wait_for_replica(sentinels, "q", 100, a.engine.settings.prefix)
    old, new = sentinels.primary, sentinels.replica
    old.stop()
    assert b.dequeue("q", 60) + a.dequeue("q", 60) == payloads
    assert a.engine.nodes == [name_of(("127.0.0.1", new.port))]
    assert a.engine.counters.reconnects > 0


def test_while_there_is_no_primary_requests_are_refused_and_none_is_lost(
    sentinels: SentinelSet, engine: Make
) -> None:
    a = engine(sentinels.url, grace=0.1)
    a.enqueue("q", b"1")
    wait_for_replica(sentinels, "q", 1, a.engine.settings.prefix)
    sentinels.primary.stop()
    with pytest.raises(BackendUnavailable) as refused:
        a.enqueue("q", b"2")
    assert refused.value.details["queued"] in (False, "unknown")
    wait_until(lambda: _accepts(a, "other"))
    assert a.dequeue("q", 9)[0] == b"1"


def test_what_a_replica_had_to_confirm_outlives_a_failover_under_load(
    sentinels: SentinelSet, engine: Make
) -> None:
    a = engine(sentinels.url, wait_replicas=1, wait_seconds=2.0, timeout=5.0)
    b = engine(sentinels.url)
    a.create("q")
    load = EngineLoad(a, b, "q")
    load.go_on()
    old = sentinels.primary
    sentinels.fail_over()
    wait_until(lambda: a.engine.nodes == b.engine.nodes != [name_of(("127.0.0.1", old.port))])
    load.go_on()
    load.finish()
    assert load.lost == set()
    assert set(load.got) <= {*load.accepted, *load.unknown}


def test_a_primary_that_comes_back_demoted_is_not_written(
    sentinels: SentinelSet, engine: Make
) -> None:
    a, b = engine(sentinels.url), engine(sentinels.url)
    a.create("q")
    old = sentinels.primary
    old.freeze()
    bell, place = a.begin_enqueue("q", b"1")  # a call that the old primary reads when it goes on
    new = name_of(("127.0.0.1", sentinels.replica.port))
    wait_until(lambda: a.engine.nodes == b.engine.nodes == [new])
    old.thaw()
    bell.sleep(None)
    assert place.leave() is not None
    load = EngineLoad(a, b, "r")
    load.go_on()
    sentinels.settle()
    load.finish()
    assert (load.lost, load.twice) == (set(), [])
    assert b.dequeue("q", 9) == [b"1"]
    assert a.engine.nodes == b.engine.nodes == [new]


def test_consumers_that_wait_are_served_by_the_new_primary(
    sentinels: SentinelSet, engine: Make
) -> None:
    a, b = engine(sentinels.url), engine(sentinels.url)
    a.create("q")
    waiting = [(a, b)[number % 2].wait_in_line("q") for number in range(4)]
    with sentinels.replica.connect() as ask:
        wait_until(lambda: ask("ZCARD", f"{a.engine.settings.prefix}:{{q}}:w") == 4)
    sentinels.primary.stop()
    a.enqueue("q", b"1", b"2", b"3", b"4")
    got = [await_messages(*each)[0] for each in waiting]
    assert sorted(got) == [b"1", b"2", b"3", b"4"]


def _accepts(front_end: EngineFrontEnd, name: str) -> bool:
    try:
        return front_end.enqueue(name, b"1").count == 1
    except BackendUnavailable:
        return False


def test_a_sentinel_that_missed_the_election_is_not_believed(
    redis_server: RedisServer, engine: Make
) -> None:
    asked: list[bytes] = []

    def sentinel(port: int, epoch: int) -> Answer:
        def answer(command: list[bytes]) -> bytes:
            if command[0] == b"HELLO":
                return SENTINEL_HELLO
            if command[:2] == [b"SENTINEL", b"MASTER"]:
                return words("config-epoch", str(epoch))
            if command[0] == b"SENTINEL":
                asked.append(b"%d" % epoch)
                return words("127.0.0.1", str(port))
            return SUBSCRIBED if command[0].endswith(b"SUBSCRIBE") else b"+PONG\r\n"

        return answer

    stale = free_port()  # nobody listens there, so it would show
    with (
        FakeServer(sentinel(stale, 3)) as old,
        FakeServer(sentinel(redis_server.port, 5)) as new,
    ):
        a = engine(f"redis+sentinel://127.0.0.1:{old.port},127.0.0.1:{new.port}/main")
        wait_until(lambda: asked.count(b"3") > 2 and asked.count(b"5") > 2)
        assert a.engine.nodes == [name_of(("127.0.0.1", redis_server.port))]
        assert a.enqueue("q", b"1").queue_size == 1


def test_a_primary_that_is_about_to_be_replaced_gets_nothing_until_that_is_over(
    redis_server: RedisServer, engine: Make
) -> None:
    news: list[bytes] = []  # what the sentinel announces with its next answer
    announced: list[bytes] = []
    told = threading.Event()

    def answer(command: list[bytes]) -> bytes:
        if command[0] == b"HELLO":
            return SENTINEL_HELLO
        if command[:2] == [b"SENTINEL", b"MASTER"]:
            return words("config-epoch", "1")
        if command[0] == b"SENTINEL":
            pushes = b"".join(news)
            if news:
                news.clear()
                announced.append(pushes)
            elif announced:
                told.set()  # it asks again, so it has read what was announced
            return pushes + words("127.0.0.1", str(redis_server.port))
        return SUBSCRIBED if command[0].endswith(b"SUBSCRIBE") else b"+PONG\r\n"

    with FakeServer(answer) as sentinel:
        a = engine(f"redis+sentinel://127.0.0.1:{sentinel.port}/main")
        a.create("q")
        about = f"slave x x 1 @ main 127.0.0.1 {redis_server.port}"
        news.append(_announcement("+failover-state-send-slaveof-noone", about))
        assert told.wait(20)
        before = a.engine.counters.calls
        bell, place = a.begin_enqueue("q", b"1")
        wait_until(lambda: a.engine.counters.calls > before)
        with redis_server.connect() as ask:
            assert ask("LLEN", f"{a.engine.settings.prefix}:{{q}}:m") == 0
        assert not place.settled
        news.append(_announcement("-failover-abort-no-good-slave", "master main y 1"))
        assert bell.sleep(time.monotonic() + 20)
        assert a.dequeue("q") == [b"1"]


def _announcement(event: str, text: str) -> bytes:
    """What a sentinel pushes to those who subscribed to failovers."""
    fields = b"".join(bulk(each) for each in ("pmessage", "*failover*", event, text))
    return b">4\r\n" + fields
