"""What clients can make the server hold is bounded, and measured here on its process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.contract.raw import Api, Wire
from tests.contract.servers import ServerProcess
from tests.helpers import wait_until
from tests.trust.audit import metrics
from tests.trust.conftest import Serve
from tests.trust.parties import handshake
from tests.trust.process import MIB, allow_descriptors, needs_proc, usage

pytestmark = needs_proc

#: What the allocator and the requests of the test itself may add to any of it.
SLACK = 6 * MIB
#: Room for the first part of a body that was announced.
FIRST_PART = 256 << 10

Crowd = list[Wire]


@contextmanager
def growth_within(server: ServerProcess, limit: int) -> Iterator[Callable[[int], Crowd]]:
    """Measure what the body of a ``with`` adds to the server's memory, which ``limit`` bounds.

    Gives what opens connections, that are closed in the end: the server must let go of them all.
    """
    api = Api(server.address)
    for target in ("/health", "/metrics", "/queues") * 10:
        api.get(target)  # what is built at the first use is not the crowd's doing
    before = usage(server.process.pid)
    with ExitStack() as stack:
        yield lambda count: [stack.enter_context(api.wire()) for _ in range(count)]
        after = usage(server.process.pid)
    grown = after.memory - before.memory
    assert grown < limit, f"{grown / MIB:.1f} MiB instead of {limit / MIB:.1f}"
    wait_until(lambda: api.get("/ready").status == 200)  # one more connection may be one too many
    wait_until(lambda: metrics(api)["zoldyq_connections", ""] == 1)
    wait_until(lambda: usage(server.process.pid).descriptors <= before.descriptors + 1)


def connected(api: Api, count: int) -> None:
    """Wait until the server has accepted so many beside the one that asks."""
    wait_until(lambda: metrics(api)["zoldyq_connections", ""] == count + 1)


def push(wire: Wire, data: bytes, rounds: int) -> None:
    """Send again and again until nothing more is taken."""
    wire.socket.settimeout(0.2)
    try:
        for _ in range(rounds):
            wire.send(data)
    except OSError:  # a time-out when the server does not read, or a reset when it has closed
        pass


def test_thousands_of_idle_connections(api: Api, usual: ServerProcess) -> None:
    count = 3_000
    allow_descriptors(count)
    with growth_within(usual, SLACK + count * 4096) as crowd:
        crowd(count)
        connected(api, count)
        assert usage(usual.process.pid).threads < 25


def test_thousands_of_waiting_consumers(api: Api, usual: ServerProcess) -> None:
    count = 2_000
    allow_descriptors(count)
    with growth_within(usual, SLACK + count * 4096) as crowd:
        for wire in crowd(count):
            wire.send(b"GET /queues/q/dequeue?timeout=60 HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: api.stats("q")["waiting_consumers"] == count)
        assert usage(usual.process.pid).threads < 25


def test_a_flood_of_connections_beyond_the_limit(serve: Serve) -> None:
    limit, count = 50, 2_000
    allow_descriptors(count)
    server = serve(max_connections=limit)
    with growth_within(server, SLACK) as crowd:
        wires = crowd(limit)
        assert wires[0].request("GET", "/ready").status == 200
        late = crowd(count)
        for wire in late[-100:]:
            wire.socket.settimeout(60)  # which is less than an idle connection is let alone
            assert wire.is_closed()
        assert usage(server.process.pid).descriptors < limit + 250
        assert wires[0].request("GET", "/ready").status == 200


def test_bodies_that_are_announced_and_do_not_come(api: Api, usual: ServerProcess) -> None:
    count = 100
    head = b"POST /queues/q/enqueue HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n"
    with growth_within(usual, SLACK + count * FIRST_PART) as crowd:
        for wire in crowd(count):
            wire.send(head + b"{")
        connected(api, count)


def test_chunks_that_are_announced_and_do_not_come(api: Api, usual: ServerProcess) -> None:
    count = 200
    head = b"POST /queues/q/enqueue HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with growth_within(usual, SLACK + count * 4096) as crowd:
        for wire in crowd(count):
            wire.send(head + b"7a1200\r\n{")
        connected(api, count)


def test_heads_that_do_not_end(api: Api, usual: ServerProcess) -> None:
    """Each may hold ``max_header_bytes``; one that sends more is refused."""
    count = 300
    with growth_within(usual, SLACK + count * (16 << 10)) as crowd:
        wires = crowd(count)
        for wire in wires:
            wire.send(b"GET /ready HTTP/1.1\r\nHost: x\r\nX-Endless: " + b"x" * 15_000)
        connected(api, count)
        push(wires[0], b"x" * 10_000, 1_000)
        wires[0].socket.settimeout(10)
        response = wires[0].response()
        assert (response.status, response.code) == (431, "headers_too_large")


@pytest.mark.parametrize("target", ["/queues/q/dequeue", "/queues", "/openapi.json"])
def test_floods_of_pipelined_requests(api: Api, usual: ServerProcess, target: str) -> None:
    """A client that reads no answers is not read from: neither requests nor answers pile up."""
    request = f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    count = 8
    with growth_within(usual, SLACK + count * MIB) as crowd:
        for wire in crowd(count):
            push(wire, request * 500, 1_000)
        assert api.get("/ready").status == 200


@pytest.mark.parametrize(("verb", "copies"), [("dequeue", 2), ("peek", 6)])
def test_large_replies_that_nobody_reads(serve: Serve, verb: str, copies: int) -> None:
    """A connection holds one reply at a time, however many were asked for.

    Beside it there are the copies that are made on its way, more of them in the application.
    """
    count, size = 10, 2_000_000
    server = serve()
    api = Api(server.address)
    for _ in range(3 * count):
        api.enqueue("q", "x" * size)
    with growth_within(server, SLACK + copies * count * size) as crowd:
        for wire in crowd(count):
            push(wire, f"GET /queues/q/{verb} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 100, 3)
        assert api.get("/ready").status == 200
    if verb == "dequeue":
        wait_until(lambda: api.stats("q")["put_back_total"] > 0)


def test_streams_that_nobody_reads(api: Api, usual: ServerProcess) -> None:
    """The server takes no more out of the queue than the kernel lets it send."""
    for _ in range(20):
        api.enqueue("q", *["x" * 4_000] * 500)
    with growth_within(usual, SLACK + 10 * MIB) as crowd:
        for wire in crowd(10):
            wire.send(handshake("/queues/q/dequeue"))
        wait_until(lambda: metrics(api)["zoldyq_websocket_sessions", ""] == 10)
        wait_until(lambda: api.stats("q")["size"] < 9_000)
        assert usage(usual.process.pid).threads < 45
