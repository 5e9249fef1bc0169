from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from tests.contract.raw import Wire
from tests.helpers import wait_until
from zoldyq.queue import QueueManager
from zoldyq.server.api.access import AccessPolicy
from zoldyq.server.api.operations import Operations
from zoldyq.server.native.server import NativeLimits, NativeServer


def application(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


class Running:
    """A server in this process."""

    def __init__(self, **limits: int) -> None:
        self.operations = Operations(QueueManager())
        self.server = NativeServer(
            application, self.operations, AccessPolicy(), NativeLimits(**limits)
        )
        (address,) = self.server.listen("127.0.0.1", 0)
        self.port = int(address.rpartition(":")[2])
        self.server.start()

    def wire(self) -> Wire:
        """A connection whose first request was answered."""
        wire = Wire(("127.0.0.1", self.port))
        assert wire.request("GET", "/queues/q/dequeue").status == 204
        return wire

    def loads(self) -> list[int]:
        return [loop.load for loop in self.server._loops]


@pytest.fixture
def two_loops() -> Iterator[Running]:
    running = Running(reactors=2)
    yield running
    running.server.stop()


def test_a_new_connection_goes_to_the_loop_with_the_fewest(two_loops: Running) -> None:
    with ExitStack() as stack:
        wires = [stack.enter_context(two_loops.wire()) for _ in range(6)]
        assert two_loops.loads() == [3, 3]
        for wire in wires[::2]:  # those of the first loop
            wire.socket.close()
        wait_until(lambda: two_loops.loads() == [0, 3])
        for _ in range(3):
            stack.enter_context(two_loops.wire())
        assert two_loops.loads() == [3, 3]
        assert two_loops.server.connections == 6
    wait_until(lambda: two_loops.loads() == [0, 0])


def test_connections_beyond_the_limit_are_counted_whether_or_not_they_are_told() -> None:
    running = Running(max_connections=1)
    with ExitStack() as stack:
        stack.enter_context(running.wire())
        for _ in range(140):
            stack.callback(socket.create_connection(("127.0.0.1", running.port)).close)
        refused = running.operations.refusals
        wait_until(lambda: refused.snapshot().get("too_many_connections") == 140)
    running.server.stop()


def test_the_application_answers_what_the_loop_does_not(two_loops: Running) -> None:
    with two_loops.wire() as wire:
        assert wire.request("GET", "/health").body == b"hello"
