"""Everybody at once: producers, faithful consumers, and others that leave in the worst moments."""

from __future__ import annotations

import threading
from functools import partial

from tests.contract.raw import Api
from tests.helpers import Task
from tests.trust.audit import agreed_stats, audit
from tests.trust.conftest import Serve
from tests.trust.leaving import visit_again_and_again, visit_http, visit_stream
from tests.trust.ledger import Ledger
from tests.trust.parties import Stream, consume, produce, produce_websocket

EACH = 1_500


def test_a_storm(serve: Serve) -> None:
    server = serve(default_queue_capacity=500)
    address, api, ledger = server.address, Api(server.address), Ledger()
    api.put("/queues/q", {"capacity": 500})
    over = threading.Event()
    consumers = [Task(partial(consume, address, "q", ledger, over, 1 + n)) for n in range(3)]
    stream = Stream(address, "q")
    reader = Task(partial(stream.read_to_the_end, ledger.receiver()))
    visitors = [
        Task(partial(visit_again_and_again, visit, address, seed, ledger, over))
        for seed, visit in enumerate([visit_http, visit_http, visit_stream])
    ]
    producers = [
        *(Task(partial(produce, address, "q", ledger, n, EACH, batch=1 + n)) for n in range(3)),
        Task(partial(produce_websocket, server.url, "q", ledger, 3, EACH)),
    ]
    for producer in producers:
        producer.result()
    over.set()
    cost = sum(visitor.result() for visitor in visitors)
    stream.say_goodbye()
    assert reader.result() == 1000
    for consumer in consumers:
        consumer.result()
    lost = audit(api, "q", ledger, at_most_lost=cost, overtaking=True)
    print(f"{ledger.received} received, {lost} lost of at most {cost}, {agreed_stats(api, 'q')}")
