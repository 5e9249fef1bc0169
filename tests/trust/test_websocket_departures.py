"""Consumers over WebSocket that stop reading, vanish or close while a burst is on its way.

What the kernel has not taken whole goes back to the head, in order. What it had taken for a peer
that died cannot be known; it is bounded by its buffers, or by the credit of the consumer.
"""

from __future__ import annotations

import pytest

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess
from tests.helpers import wait_until
from tests.trust.audit import agreed_stats, audit, metrics
from tests.trust.conftest import Serve
from tests.trust.leaving import LEAVE
from tests.trust.ledger import Ledger, identity_of
from tests.trust.parties import Stream, produce

TOTAL, SIZE = 10_000, 2_000
#: More than the kernel takes for a peer that reads nothing, and less than all messages have.
KERNEL_BYTES = 1 << 20
#: How often nothing must have moved, in looks of more than a millisecond each.
LOOKS = 100

QUERIES = ["", "?count=7"]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def stock(server: ServerProcess, ledger: Ledger, count: int = TOTAL, size: int = SIZE) -> Api:
    """Fill the queue."""
    produce(server.address, "q", ledger, 0, count, batch=100 if size <= SIZE else 1, size=size)
    return Api(server.address)


def open_stream(api: Api, query: str) -> Stream:
    """Begin to consume, and wait until messages are on their way."""
    before = api.stats("q")["dequeued_total"]
    stream = Stream(api.address, "q", query)
    wait_until(lambda: api.stats("q")["dequeued_total"] > before)
    return stream


def wait_until_stuck(api: Api) -> None:
    """Wait until a burst is on its way that the kernel does not take: nothing more moves."""
    sizes = [-1]

    def nothing_moves() -> bool:
        sizes.append(api.stats("q")["size"])
        return len(sizes) > LOOKS and len(set(sizes[-LOOKS:])) == 1

    wait_until(nothing_moves)


def head(api: Api) -> int:
    """The number of the message that is next."""
    (message,) = api.get("/queues/q/peek?count=1").json()["messages"]
    return identity_of(message["payload"]).number


def put_back(api: Api) -> int:
    return int(agreed_stats(api, "q")["put_back_total"])


def wait_until_none_is_open(api: Api) -> None:
    wait_until(lambda: metrics(api)["zoldyq_websocket_sessions", ""] == 0)


@pytest.mark.parametrize("query", QUERIES)
def test_one_that_stops_reading_is_let_go_and_nothing_is_lost(
    serve: Serve, ledger: Ledger, query: str
) -> None:
    api = stock(serve(send_seconds=0.3), ledger)
    stream = open_stream(api, query)
    wait_until_none_is_open(api)
    assert put_back(api) > 0
    stream.read_to_the_end(ledger.receiver())
    assert 0 < ledger.received == head(api)
    assert audit(api, "q", ledger) == 0


@pytest.mark.parametrize("manner", ["fin", "reset"])
@pytest.mark.parametrize("query", QUERIES)
def test_one_that_vanishes_takes_along_no_more_than_the_kernel_had(
    serve: Serve, ledger: Ledger, query: str, manner: str
) -> None:
    api = stock(serve(), ledger)
    stream = open_stream(api, query)
    stream.wire.socket.recv(10_000)
    wait_until_stuck(api)
    LEAVE[manner](stream.wire)
    wait_until_none_is_open(api)
    assert put_back(api) > 0
    first = head(api)
    lost = audit(api, "q", ledger, at_most_lost=KERNEL_BYTES // SIZE)
    assert lost == first, "the rest is all there, in order"


@pytest.mark.parametrize("query", QUERIES)
def test_one_that_closes_in_good_order_loses_nothing(
    serve: Serve, ledger: Ledger, query: str
) -> None:
    api = stock(serve(), ledger)
    stream = open_stream(api, query)
    wait_until_stuck(api)
    stream.say_goodbye()
    assert stream.read_to_the_end(ledger.receiver()) == 1000
    wait_until_none_is_open(api)
    assert 0 < ledger.received == head(api)
    assert audit(api, "q", ledger) == 0


@pytest.mark.parametrize("manner", ["fin", "reset"])
@pytest.mark.parametrize(("count", "size"), [(500, 0), (30, 1_900_000)])
def test_a_frozen_one_with_credit_holds_no_more_than_that(
    serve: Serve, ledger: Ledger, count: int, size: int, manner: str
) -> None:
    """Others get the rest meanwhile; small messages have all left, large ones but in part."""
    credit = 10
    api = stock(serve(), ledger, count, size)
    stream = open_stream(api, f"?credit={credit}")
    wait_until_stuck(api)
    others = ledger.receiver()
    others.take(api.drain("q"))
    assert ledger.received >= count - credit
    LEAVE[manner](stream.wire)
    wait_until_none_is_open(api)
    assert put_back(api) == (1 if size else 0)
    lost = audit(api, "q", ledger, at_most_lost=credit, overtaking=bool(size))
    assert size or lost == credit


def test_many_that_freeze_hold_their_credit_and_no_one_else_waits(
    serve: Serve, ledger: Ledger
) -> None:
    credit, consumers, count = 7, 20, 1_000
    api = stock(serve(), ledger, count, 0)
    streams = [open_stream(api, f"?credit={credit}") for _ in range(consumers)]
    wait_until(lambda: api.stats("q")["size"] == count - credit * consumers)
    ledger.receiver().take(api.drain("q"))
    assert ledger.received == count - credit * consumers
    for stream in streams:
        stream.say_goodbye()
        assert stream.read_to_the_end(ledger.receiver()) == 1000
    assert audit(api, "q", ledger) == 0
