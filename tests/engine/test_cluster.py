"""Front ends over a Cluster of three primaries: slots that move, and a primary that is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.engine.engines import EngineFrontEnd, EngineLoad, await_messages
from tests.engine.servers import needs_redis
from tests.engine.sets import SPREAD, ClusterSet
from tests.helpers import wait_until
from zoldyq.contract.errors import BackendUnavailable, MaxQueuesReached, MoveUnsupported
from zoldyq.engine.cluster import node_of, slot_of

pytestmark = needs_redis

Make = Callable[..., EngineFrontEnd]


@pytest.fixture
def cluster(cluster_set: ClusterSet) -> Iterator[ClusterSet]:
    """The shared Cluster, whole before and after."""
    yield cluster_set
    cluster_set.settle()


def test_the_slot_of_a_key_is_that_of_what_stands_in_its_braces() -> None:
    assert slot_of("123456789") == 0x31C3
    assert slot_of("p:{q}:m") == slot_of("q")
    assert slot_of("p:{}:m") != slot_of("")
    assert node_of("3999 127.0.0.1:6381", ("host", 1)) == (3999, ("127.0.0.1", 6381))
    assert node_of("3999 [::1]:6381", ("host", 1)) == (3999, ("::1", 6381))
    assert node_of("3999 :6381", ("host", 1)) == (3999, ("host", 6381))


def test_queues_of_all_servers_are_served_listed_and_bounded_together(
    cluster: ClusterSet, engine: Make
) -> None:
    a, b = engine(cluster.url, max_queues=3), engine(cluster.url, max_queues=3)
    assert len({cluster.owner_of(name).port for name in SPREAD}) == 3
    for name in SPREAD:
        a.enqueue(name, name.encode())
    assert [name for name, _ in b.queues.all_stats()] == sorted(SPREAD)
    with pytest.raises(MaxQueuesReached):
        b.enqueue("one-too-many", b"1")
    with pytest.raises(MoveUnsupported, match="different servers"):
        a.queues.move(SPREAD[0], SPREAD[1])
    assert b.queues.delete(SPREAD[0]) == 1
    wait_until(lambda: len(list(a.queues.all_stats())) == 2)
    wait_until(lambda: _accepts(a, "another"))
    assert [b.dequeue(name) for name in SPREAD] == [[], [b"c"], [b"a"]]


def test_a_slot_that_moves_under_load_loses_nothing_and_doubles_nothing(
    cluster: ClusterSet, engine: Make
) -> None:
    a, b = engine(cluster.url), engine(cluster.url)
    a.create("q")
    load = EngineLoad(a, b, "q")
    for _ in range(3):
        load.go_on()
        cluster.move_slot("q")
    load.go_on()
    load.finish()
    assert (load.lost, load.twice, load.refused, load.unknown) == (set(), [], [], [])
    assert load.got == sorted(load.got)
    retries = {*a.engine.counters.retries, *b.engine.counters.retries}
    assert retries & {"moved", "tryagain", "ask"}


def test_consumers_that_wait_while_a_slot_moves_are_all_served(
    cluster: ClusterSet, engine: Make
) -> None:
    a, b = engine(cluster.url), engine(cluster.url)
    a.create("q")
    waiting = [(a, b)[number % 2].wait_in_line("q") for number in range(6)]
    cluster.move_slot("q")
    for number in range(6):
        b.enqueue("q", b"%d" % number)
    got = [await_messages(*each)[0] for each in waiting]
    # In order for each front end; one that could not be rung at the new server begins to wait anew.
    assert got[0] < got[2] < got[4]
    assert got[1] < got[3] < got[5]


def test_a_replica_serves_what_its_primary_kept_and_other_queues_go_on(
    cluster: ClusterSet, engine: Make
) -> None:
    a, b = engine(cluster.url), engine(cluster.url)
    payloads = [b"%d" % number for number in range(100)]
    for name in SPREAD:
        a.enqueue(name, *payloads)
    lost = cluster.owner_of("b")
    key = f"{a.engine.settings.prefix}:{{b}}:m"
    with lost.connect() as ask:
        wait_until(lambda: ask("WAIT", 1, 1000) == 1 and ask("LLEN", key) == 100)
    lost.stop()
    assert b.dequeue("b", 100) == payloads
    assert [a.dequeue(name, 100) for name in ("a", "c")] == [payloads, payloads]
    assert a.enqueue("b", b"1").queue_size == 1
    wait_until(lambda: a.engine.up and b.engine.up)
    assert f"127.0.0.1:{lost.port}" not in a.engine.nodes


def test_without_enough_servers_requests_are_refused_until_they_are_back(
    cluster: ClusterSet, engine: Make
) -> None:
    a = engine(cluster.url, grace=0.2)
    a.enqueue("a", b"0")
    a.enqueue("b", b"1")
    first, second = cluster.owner_of("b"), cluster.owner_of("c")
    first.freeze()
    second.freeze()
    with pytest.raises(BackendUnavailable):
        a.enqueue("b", b"2")
    assert not a.engine.up
    wait_until(lambda: not _accepts(a, "a") and "clusterdown" in a.engine.counters.retries)
    first.thaw()
    second.thaw()
    wait_until(lambda: _accepts(a, "a"))
    wait_until(lambda: a.dequeue("b", 1) == [b"1"])


def _accepts(front_end: EngineFrontEnd, name: str) -> bool:
    try:
        return front_end.enqueue(name, b"1").count == 1
    except (BackendUnavailable, MaxQueuesReached):
        return False
