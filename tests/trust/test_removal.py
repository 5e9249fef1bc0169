"""Queues that are purged or deleted under producers and consumers that wait or work."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from tests.contract.raw import Api
from tests.helpers import Task, wait_until
from tests.trust.audit import audit, metrics, settle
from tests.trust.conftest import Serve
from tests.trust.ledger import Ledger
from tests.trust.parties import Address, Stream, consume, produce

EACH = 1_500
PRODUCERS = 3


@pytest.fixture
def api(serve: Serve) -> Api:
    """A server whose queues are small, also those that come after a deleted one."""
    return Api(serve(default_queue_capacity=50).address)


class Trade:
    """Producers that often wait for room, and consumers that often wait for messages."""

    def __init__(self, address: Address) -> None:
        self.ledger = Ledger()
        self.over = threading.Event()
        http = (address, "q", self.ledger)
        self.producers = [
            Task(partial(produce, *http, number, EACH, batch=1 + 3 * number))
            for number in range(PRODUCERS)
        ]
        self.consumers = [Task(partial(consume, *http, self.over, 1 + n)) for n in range(2)]
        self.stream = Stream(address, "q")
        self.reader = Task(partial(self.stream.read_to_the_end, self.ledger.receiver()))

    def end(self) -> None:
        """See every producer and then every consumer end."""
        for producer in self.producers:
            producer.result()
        self.over.set()
        for consumer in self.consumers:
            consumer.result()
        self.stream.say_goodbye()
        assert self.reader.result() == 1000


def again_and_again(api: Api, method: str, target: str, told: str, over: threading.Event) -> int:
    """Purge or delete until it is over; return how many messages that has dropped in all."""
    dropped = 0
    while not over.is_set():
        response = api.request(method, target)
        if response.status == 200:
            dropped += response.json()[told]
    return dropped


def test_purged_all_the_time(api: Api) -> None:
    trade = Trade(api.address)
    purging = Task(partial(again_and_again, api, "POST", "/queues/q/purge", "purged", trade.over))
    trade.end()
    purged = purging.result()
    assert audit(api, "q", trade.ledger, purged=purged) == 0
    assert trade.ledger.received + purged == PRODUCERS * EACH
    assert purged > 0


def test_deleted_all_the_time(api: Api) -> None:
    """Its counters go with a queue; what was in it, or on its way back to it, is told apart."""
    trade = Trade(api.address)
    deleting = Task(partial(again_and_again, api, "DELETE", "/queues/q", "dropped", trade.over))
    trade.end()
    deleted = deleting.result()
    settle(api)
    trade.ledger.receiver().take(api.drain("q"))
    assert not trade.ledger.unexpected
    assert not trade.ledger.overtaken
    assert len(trade.ledger.missing()) == deleted > 0
    assert metrics(api)["zoldyq_dropped_total", "deleted"] == deleted
    assert metrics(api)["zoldyq_dropped_total", "shutdown"] == 0


def test_everybody_who_waits_learns_of_the_deletion(api: Api) -> None:
    """Consumers get nothing, producers get into the successor, streams stay for what comes."""
    api.put("/queues/q", {"capacity": 1})
    waiting = [Task(partial(api.get, "/queues/q/dequeue?timeout=50")) for _ in range(5)]
    stream = Stream(api.address, "q")
    ledger = Ledger()
    reader = Task(partial(stream.read_to_the_end, ledger.receiver()))
    wait_until(lambda: api.stats("q")["waiting_consumers"] == 6)
    api.delete("/queues/q")
    assert [consumer.result().status for consumer in waiting] == [204] * 5
    produce(api.address, "q", ledger, 0, 3)
    wait_until(lambda: api.stats("q")["size"] == 0)
    stream.say_goodbye()
    assert reader.result() == 1000
    assert ledger.received == 3
    assert audit(api, "q", ledger) == 0


@pytest.mark.parametrize("remove", ["purge", "delete"])
def test_producers_who_wait_get_the_room(api: Api, remove: str) -> None:
    ledger = Ledger()
    api.put("/queues/q", {"capacity": 1})
    api.enqueue("q", "in the way")
    producers = [Task(partial(produce, api.address, "q", ledger, n, 1)) for n in range(4)]
    wait_until(lambda: api.stats("q")["waiting_producers"] == 4)
    if remove == "purge":
        assert api.post("/queues/q/purge").json()["purged"] == 1
    else:
        assert api.delete("/queues/q").json()["dropped"] == 1
    receiver = ledger.receiver()
    while ledger.received < 4:
        response = api.get("/queues/q/dequeue?timeout=10")
        assert response.status == 200
        receiver.take([response.json()["payload"]])
    for producer in producers:
        producer.result()
    assert not ledger.missing()
