from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from benchmarks.figures import WorkNotDone
from benchmarks.loads.http import DequeueLoad, enqueue_load
from benchmarks.loads.wrk import wrk
from benchmarks.payload import single
from benchmarks.servers.zoldyq import Server, zoldyq

pytestmark = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")


@pytest.fixture
def server() -> Iterator[Server]:
    with zoldyq() as server:
        yield server


def test_messages_are_counted_on_both_sides(server: Server) -> None:
    load = enqueue_load(server, 4, 1, count=10)
    assert load.requests > 0
    assert 0 < load.p50 <= load.p99 <= load.p999
    assert server.stats("bench")["enqueued_total"] >= load.requests * 10


def test_a_dequeue_that_ran_dry_is_made_again_with_more(server: Server) -> None:
    load = DequeueLoad(server, rate=5_000).run(4, 1)
    assert load.requests > 5_000
    assert server.stats("bench")["size"] > 0


def test_paths_take_turns_and_may_have_a_method_of_their_own(server: Server) -> None:
    paths = ["/queues/a/enqueue", "GET /queues/a/dequeue", "/queues/b/enqueue"]
    load = wrk(server.url, paths, connections=2, seconds=1, method="POST", body=single())
    third = load.requests / 3
    assert server.stats("a")["enqueued_total"] == pytest.approx(third, abs=4)
    assert server.stats("a")["dequeued_total"] == pytest.approx(third, abs=4)
    assert server.stats("b")["size"] == pytest.approx(third, abs=4)


def test_requests_that_are_refused_fail_the_run(server: Server) -> None:
    with pytest.raises(WorkNotDone, match="refused"):
        wrk(server.url, ["/nowhere"], connections=2, seconds=1)


@pytest.mark.parametrize("heads", ["traced", "proxied", "traced-same", "proxied-same"])
def test_heads_of_real_clients_are_accepted(server: Server, heads: str) -> None:
    load = enqueue_load(server, 2, 1, heads=heads)
    assert load.requests > 0
    stats = server.stats("bench")
    mean = stats["bytes"] / stats["size"]
    assert (mean > 1_000) == (heads == "proxied"), "bodies of many lengths come through a proxy"
