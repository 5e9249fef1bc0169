"""Floods over WebSocket: memory stays where it is, and other clients hardly notice."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import pytest

from tests.contract.raw import Wire, request_bytes
from tests.contract.servers import ServerProcess
from tests.helpers import Task
from tests.trust.conftest import Serve
from tests.trust.process import MIB, needs_proc, usage
from tests.websocket.client import RawClient
from tests.websocket.frames import (
    BEGIN,
    BEGIN_BINARY,
    HANDSHAKE,
    MORE,
    PING,
    PONG,
    TEXT,
    Frame,
    client_frame,
)

#: What a flood may add to the server's memory: its buffers, and what the allocator keeps. Were so
#: little as its small frames kept, and nothing of what they carry, it would be more.
ALLOWED = 4 * MIB

#: What comes first, what comes again and again, and how many MiB of it.
FLOODS = {
    "pings": (b"", client_frame(b"x" * 125, PING), 8.0),
    "pongs": (b"", client_frame(b"x" * 125, PONG), 8.0),
    "small pings": (b"", client_frame(b"", PING), 0.5),
    "empty fragments": (client_frame(b"x", BEGIN), client_frame(b"", MORE), 0.5),
    "empty binary fragments": (client_frame(b"x", BEGIN_BINARY), client_frame(b"", MORE), 0.5),
    "pings within a message": (client_frame(b"x", BEGIN), client_frame(b"x" * 125, PING), 4.0),
}
MARK = Frame(PONG, b"the end of the flood")


def connect(server: ServerProcess, path: str) -> RawClient:
    client = RawClient(socket.create_connection(server.address))
    client.handshake(f"/queues/a/{path}", HANDSHAKE)
    assert client.status == 101
    client.sock.settimeout(50)
    return client


def flood(client: RawClient, frame: bytes, mebibytes: float) -> None:
    block = frame * (MIB // 8 // len(frame))
    for _ in range(int(8 * mebibytes)):
        client.send(block)
    client.send(client_frame(MARK.payload, PING))


def receive_all(client: RawClient) -> None:
    """Read answers up to that to the mark: by then the server has read the whole flood."""
    while client.receive() != MARK:
        pass


@needs_proc
@pytest.mark.parametrize(("first", "frame", "mebibytes"), FLOODS.values(), ids=FLOODS)
def test_memory_stays_where_it_is(
    serve: Serve, first: bytes, frame: bytes, mebibytes: float
) -> None:
    server = serve()
    with connect(server, "enqueue") as client:
        client.send(first)
        flood(client, frame, 0)
        receive_all(client)
        before = usage(server.process.pid)
        flooding = Task(lambda: flood(client, frame, mebibytes))
        receive_all(client)
        flooding.result()
        after = usage(server.process.pid)
    assert after.memory - before.memory < ALLOWED
    assert after.threads <= before.threads


@needs_proc
def test_a_message_that_never_ends_is_refused_at_the_limit(serve: Serve) -> None:
    """One byte a fragment, so that what is kept of each would be far more than the byte."""
    server = serve(max_body_bytes=100_000)
    with connect(server, "enqueue") as client:
        before = usage(server.process.pid).memory
        client.send(client_frame(b"x", BEGIN))
        flooding = Task(lambda: flood(client, client_frame(b"x", MORE), 1))
        assert client.receive_close() == 1009
        after = usage(server.process.pid).memory
        flooding.result()
    assert after - before < ALLOWED


#: Seconds for which a thread that never waits keeps the interpreter from others; usual are 5 ms.
#: If a session were such a thread, a request would wait for so long, and the test does not.
LONG_TURN = 60.0
REQUESTS = 100


@contextmanager
def flooded(server: ServerProcess, first: bytes, frame: bytes) -> Iterator[None]:
    """Have a peer flood the server, and take its answers, for the time of a ``with`` block."""
    with connect(server, "enqueue") as client:

        def send() -> None:
            with suppress(OSError):
                while True:
                    client.send(frame * 1000)

        def receive() -> None:
            with suppress(OSError):
                while client.sock.recv(1 << 16):
                    pass

        client.send(first)
        tasks = [Task(send), Task(receive)]
        yield
        client.sock.shutdown(socket.SHUT_RDWR)
        for task in tasks:
            task.result()
        client.reset()  # so that the server has not to read what is on its way


@pytest.mark.parametrize(
    ("first", "frame"),
    [
        (b"", client_frame(b"x" * 10, PING)),
        (client_frame(b"x", BEGIN), client_frame(b"", MORE)),
        (b"", client_frame(b"nonsense", TEXT)),
    ],
    ids=["pings", "empty fragments", "bad messages"],
)
def test_requests_beside_a_flood_do_not_wait_for_a_whole_turn_of_the_interpreter(
    serve: Serve, first: bytes, frame: bytes
) -> None:
    server = serve(switch_interval=LONG_TURN)
    requests = [
        request_bytes("POST", "/queues/q/enqueue", b'{"payload":1}'),
        request_bytes("GET", "/queues/q/dequeue"),
    ]

    def ask_again_and_again(wire: Wire) -> None:
        for number in range(REQUESTS):
            wire.send(requests[number % 2])
            assert wire.response().status == 200

    with flooded(server, first, frame), Wire(server.address) as wire:
        Task(partial(ask_again_and_again, wire)).result(LONG_TURN / 2)
