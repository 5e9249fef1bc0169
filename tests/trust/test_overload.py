"""At each limit: the documented answer at once, and everything else goes on.

A busy machine is slow at everything, so no clock tells what "at once" is. An answer that waited
until there is room would never come. A client that is held up by others shows in how often those
were answered meanwhile.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from functools import partial

import pytest

from tests.contract.raw import Api
from tests.contract.servers import REACTORS
from tests.helpers import Task, wait_until
from tests.trust.audit import metrics
from tests.trust.conftest import Serve
from tests.trust.parties import handshake
from tests.trust.process import needs_proc, usage

#: Clients that are refused all the time.
HAMMERS = 3
#: How often each of them may be answered for one request of another client. With fair turns it is
#: once.
TURNS = 10


def hammer(api: Api, over: threading.Event, error: str) -> int:
    """Enqueue into a queue that refuses, until it is over; return how often it refused."""
    refused = 0
    with api.wire() as wire:
        while not over.is_set():
            response = wire.request("POST", "/queues/full/enqueue", b'{"payload":1}')
            assert (response.status, response.code) == (429, error)
            assert response.headers["retry-after"]
            refused += 1
    return refused


def use_quiet_queue(api: Api, rounds: int = 200) -> int:
    """Each message goes in and comes out, while others are refused; return the requests made."""
    with api.wire() as wire:
        for number in range(rounds):
            body = b'{"payload":%d}' % number
            assert wire.request("POST", "/queues/quiet/enqueue", body).status == 200
            assert wire.request("GET", "/queues/quiet/dequeue").json()["payload"] == number
    return 2 * rounds


def test_a_full_queue_does_not_hold_up_the_others(api: Api) -> None:
    api.delete("/queues/full")
    api.put("/queues/full", {"capacity": 1})
    api.enqueue("full", "the only one")
    over = threading.Event()
    hammering = [Task(partial(hammer, api, over, "queue_full")) for _ in range(HAMMERS)]
    wait_until(lambda: api.stats("full")["queue_full_total"] > 0)
    before = api.stats("full")["queue_full_total"]
    requests = use_quiet_queue(api)
    meanwhile = api.stats("full")["queue_full_total"] - before
    over.set()
    refused = sum(task.result() for task in hammering)
    assert api.stats("full")["queue_full_total"] == refused
    assert 0 < meanwhile < TURNS * HAMMERS * requests
    assert api.drain("full") == ["the only one"]


def test_the_bound_on_bytes_does_not_hold_up_readers(serve: Serve) -> None:
    api = Api(serve(max_bytes=400_000, max_body_bytes=200_000).address)
    for number in range(200):
        api.enqueue("quiet", number)
    while api.post("/queues/full/enqueue", {"payload": "x" * 500}).status == 200:
        pass
    while api.post("/queues/full/enqueue", {"payload": 1}).status == 200:
        pass
    over = threading.Event()
    hammering = [Task(partial(hammer, api, over, "memory_limit")) for _ in range(HAMMERS)]
    wait_until(lambda: api.get("/ready").status == 503)
    # Looked at, so that no room comes about for those who are refused.
    with api.wire() as wire:
        requests = 200
        for _ in range(requests):
            response = wire.request("GET", "/queues/quiet/peek")
            assert response.json()["messages"][0]["payload"] == 0
    over.set()
    refused = sum(task.result() for task in hammering)
    # A peek takes a worker thread of the server, and so some turns more.
    assert 0 < refused < 10 * TURNS * HAMMERS * requests
    assert api.drain("quiet") == list(range(200))
    assert api.get("/ready").status == 200


def test_the_limit_on_connections(serve: Serve) -> None:
    limit = 30
    api = Api(serve(max_connections=limit).address)
    with ExitStack() as stack:
        wires = [stack.enter_context(api.wire()) for _ in range(limit)]
        for wire in wires:
            assert wire.request("GET", "/queues/q/dequeue").status == 204
        for _ in range(20):
            with api.wire() as late:
                refusal = late.response()
                assert (refusal.status, refusal.code) == (503, "too_many_connections")
                assert refusal.headers["retry-after"]
                assert late.is_closed()
        for number, wire in enumerate(wires):  # those who are in do not notice
            body = b'{"payload":%d}' % number
            assert wire.request("POST", "/queues/q/enqueue", body).status == 200
    wait_until(lambda: _status(api, "/ready") == 200)
    assert api.drain("q") == list(range(limit))


def _status(api: Api, target: str) -> int:
    """The status of an answer; 0 if the connection was closed without one."""
    with api.wire() as wire:
        wire.send(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return 0 if wire.is_closed() else wire.response().status


def test_the_limit_on_websockets(serve: Serve) -> None:
    limit = 5
    api = Api(serve(max_websockets=limit).address)
    with ExitStack() as stack:
        for _ in range(limit):
            wire = stack.enter_context(api.wire())
            wire.send(handshake("/queues/q/dequeue"))
            assert wire.response().status == 101
        for verb in ("enqueue", "dequeue"):
            with api.wire() as late:
                late.send(handshake(f"/queues/q/{verb}"))
                refusal = late.response()
                assert (refusal.status, refusal.code) == (503, "too_many_websockets")
                assert refusal.headers["retry-after"]
        use_quiet_queue(api)
    wait_until(lambda: metrics(api)["zoldyq_websocket_sessions", ""] == 0)
    with api.wire() as wire:
        wire.send(handshake("/queues/q/dequeue"))
        assert wire.response().status == 101


@needs_proc
@pytest.mark.parametrize("threads", [1, 4])
def test_the_number_of_threads_is_bounded(serve: Serve, threads: int) -> None:
    """One for each WebSocket, the pool, the event loops, the log, the history, and the main one."""
    limit = 3
    others = threads + max(1, REACTORS) + 3
    server = serve(threads=threads, max_websockets=limit)
    api = Api(server.address)
    with ExitStack() as stack:
        for number in range(300):
            wire = stack.enter_context(api.wire())
            if number % 3 == 0:
                wire.send(handshake("/queues/q/dequeue"))
            elif number % 3 == 1:
                wire.send(b"GET /queues/q/dequeue?timeout=60 HTTP/1.1\r\nHost: x\r\n\r\n")
            else:
                wire.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                assert wire.response().status == 200
        wait_until(lambda: metrics(api)["zoldyq_websocket_sessions", ""] == limit)
        wait_until(lambda: usage(server.process.pid).threads <= limit + others)
        assert usage(server.process.pid).threads >= limit
    wait_until(lambda: usage(server.process.pid).threads <= others)
