"""Between a queue and the last byte of a response, no exception at any call loses a message.

As for the WSGI application: the same requests are served again and again, each time with an
exception at the next call, until they come through without one. The reactor closes the connection
of a handler that raised, and so do these tests.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import pytest

from tests.contract.raw import request_bytes
from tests.faults import FAULTS, FaultAt
from tests.server.native.rig import Pipe, Rig
from tests.server.native.test_connection import Stingy
from zoldyq.server.native.connection import Connection
from zoldyq.server.native.loop.poller import READ, WRITE

PAYLOADS = ["a", "b", "c", "d", "e"]
DEQUEUE = request_bytes("GET", "/queues/q/dequeue")
Event = Callable[[], object]


@pytest.fixture
def rig(caplog: pytest.LogCaptureFixture) -> Iterator[Rig]:
    caplog.set_level(logging.CRITICAL)
    with Rig() as rig:
        rig.queues.create("q", capacity=1000)
        yield rig


def walk(rig: Rig, fault: type[Exception], prepare: Callable[[Connection, Pipe], Event]) -> int:
    """Make an event meet a fault at each call in turn; return how many calls there were.

    ``prepare`` returns the event. After each all messages are there once, in order.
    """
    for number in range(1, 3000):
        rig.left("q")
        rig.enqueue("q", *PAYLOADS)
        fault_at = FaultAt(number, fault)
        connection, pipe = rig.connect()

        def serve(connection: Connection, pipe: Pipe, fault_at: FaultAt) -> None:
            event = prepare(connection, pipe)
            try:
                with fault_at:
                    event()
            except Exception:  # noqa: BLE001 - as the reactor does
                connection.close()

        rig.call(partial(serve, connection, pipe, fault_at))
        with pipe:
            with suppress(OSError):
                pipe.half_close()
            received = pipe.payloads()
        left = rig.left("q")
        assert received + left == PAYLOADS, f"a fault at {number}, {fault_at.where}"
        assert rig.queues.stats("q").waiting_consumers == 0
        if not fault_at.where:
            return number
    raise AssertionError("there was no end")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    "requests",
    [
        DEQUEUE,
        request_bytes("POST", "/queues/q/dequeue?count=3", b""),
        request_bytes("GET", "/queues/q/dequeue", connection="close"),
        DEQUEUE * 4,
    ],
    ids=["one", "some", "the last", "pipelined"],
)
def test_messages_that_are_there(rig: Rig, fault: type[Exception], requests: bytes) -> None:
    def prepare(connection: Connection, pipe: Pipe) -> Event:
        pipe.send(requests)
        return partial(connection.on_event, READ)

    assert walk(rig, fault, prepare) > 10


@pytest.mark.parametrize("fault", FAULTS)
def test_messages_that_were_waited_for(rig: Rig, fault: type[Exception]) -> None:
    def prepare(connection: Connection, pipe: Pipe) -> Event:
        rig.left("q")
        pipe.send(request_bytes("GET", "/queues/q/dequeue?count=2&timeout=60"))
        connection.on_event(READ)
        generation = connection._engine._generation
        rig.enqueue("q", *PAYLOADS)
        return partial(connection.on_wake, generation)

    assert walk(rig, fault, prepare) > 10


@pytest.mark.parametrize("fault", FAULTS)
def test_answers_that_go_out_in_pieces(rig: Rig, fault: type[Exception]) -> None:
    def prepare(connection: Connection, pipe: Pipe) -> Event:
        stingy = Stingy(connection.stream.sock, [300, 60, 200, 10_000])
        connection.stream.sock = stingy  # type: ignore[assignment]
        pipe.send(DEQUEUE * 3)

        def events() -> None:
            connection.on_event(READ)
            for _ in range(3):
                connection.on_event(WRITE)

        return events

    assert walk(rig, fault, prepare) > 30


@pytest.mark.parametrize("fault", FAULTS)
def test_a_client_that_leaves(rig: Rig, fault: type[Exception]) -> None:
    def prepare(connection: Connection, pipe: Pipe) -> Event:
        stingy = Stingy(connection.stream.sock, [300])
        connection.stream.sock = stingy  # type: ignore[assignment]
        pipe.send(DEQUEUE * 3)
        connection.on_event(READ)
        return connection.close

    assert walk(rig, fault, prepare) > 10
