"""Many producers and consumers over every way into the queues at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from tests.contract.raw import Api
from tests.contract.servers import REACTORS
from tests.helpers import Task, run_all, wait_until
from tests.trust.audit import audit
from tests.trust.conftest import Serve
from tests.trust.ledger import Ledger
from tests.trust.parties import (
    Address,
    Stream,
    consume,
    consume_in_process,
    produce,
    produce_in_process,
    produce_websocket,
)
from zoldyq.config import Settings
from zoldyq.queue import QueueManager
from zoldyq.server.run import make_server, shut_down
from zoldyq.server.wsgi.app import create_app

#: Small, so that producers and consumers wait for each other all the time.
CAPACITY = 200
EACH = 400

Party = Callable[[], None]


@contextmanager
def embedded() -> Iterator[tuple[QueueManager, Address]]:
    """A server in this process, as a program that embeds the queues would run it."""
    settings = Settings(
        host="127.0.0.1", port=0, default_queue_capacity=CAPACITY, reactors=REACTORS
    )
    manager = QueueManager(CAPACITY)
    app = create_app(settings, manager, connections=lambda: server.connections)
    server = make_server(settings, app)
    (url,) = server.listen(settings.host, settings.port)
    server.start()
    try:
        yield manager, ("127.0.0.1", int(url.rsplit(":", 1)[1]))
    finally:
        shut_down(server, app, manager, 0)


class Market:
    """Producers and consumers of one queue, over HTTP and WebSocket."""

    def __init__(self, address: Address) -> None:
        self.api = Api(address)
        self.ledger = Ledger()
        self.over = threading.Event()
        url = f"http://{address[0]}:{address[1]}"
        http = (address, "q", self.ledger)
        self.producers: list[Party] = [
            partial(produce, *http, 0, EACH),
            partial(produce, *http, 1, EACH),
            partial(produce, *http, 2, EACH * 5, batch=17),
            partial(produce, *http, 3, EACH, batch=5, size=3_000),
            partial(produce_websocket, url, "q", self.ledger, 4, EACH),
            partial(produce_websocket, url, "q", self.ledger, 5, EACH * 2, window=100),
        ]
        self.consumers: list[Party] = [
            partial(consume, *http, self.over),
            partial(consume, *http, self.over),
            partial(consume, *http, self.over, count=50),
        ]

    def run(self) -> None:
        """Run all parties until what was produced has been taken, and see every one of them end.

        Producers come first and streams last, so that those who poll find a full queue.
        """
        producers = [Task(party) for party in self.producers]
        wait_until(lambda: self.api.stats("q").get("waiting_producers", 0) > 0)
        consumers = [Task(party) for party in self.consumers]
        wait_until(lambda: self.ledger.received > CAPACITY)
        queries = ("", "?count=7", "?credit=10000")
        streams = [Stream(self.api.address, "q", query) for query in queries]
        readers = [
            Task(partial(stream.read_to_the_end, self.ledger.receiver())) for stream in streams
        ]
        for producer in producers:
            producer.result()
        wait_until(lambda: bool(self.api.stats("q")["size"] == 0))
        self.over.set()
        for stream in streams:
            stream.say_goodbye()
        assert [reader.result() for reader in readers] == [1000] * len(readers)
        for consumer in consumers:
            consumer.result()


def test_http_and_websocket(serve: Serve) -> None:
    market = Market(serve(default_queue_capacity=CAPACITY).address)
    market.run()
    audit(market.api, "q", market.ledger)
    assert market.ledger.received >= EACH * 8


def test_http_and_websocket_and_in_process() -> None:
    with embedded() as (manager, address):
        market = Market(address)
        direct = (manager, "q", market.ledger)
        market.producers += [partial(produce_in_process, *direct, 6 + n, EACH) for n in range(2)]
        market.consumers += [partial(consume_in_process, *direct, market.over)] * 2
        market.run()
        audit(market.api, "q", market.ledger)
    assert market.ledger.received >= EACH * 10


def test_a_backlog_taken_one_by_one(api: Api, ledger: Ledger) -> None:
    """Two consumers at once, and each sees every producer's messages in their order."""
    http = (api.address, "q", ledger)
    run_all([partial(produce, *http, producer, EACH) for producer in range(3)])
    over = threading.Event()
    over.set()  # they end as soon as nothing is left
    run_all([partial(consume, *http, over)] * 2)
    assert ledger.received == 3 * EACH
    assert audit(api, "q", ledger) == 0
