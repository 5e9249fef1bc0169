"""Between a queue and the kernel, no exception at any call of a stream loses a message."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.faults import FAULTS, FaultAt, each_fault
from tests.helpers import Task, wait_until
from tests.websocket.client import RawClient
from tests.websocket.frames import HANDSHAKE, TEXT
from tests.websocket.server import WebSocketServer, read_request, running
from zoldyq.server.websocket import connection

#: From the return of one of these on, a session owns messages or a place in line.
TAKEN = ("begin_dequeue",)
NUMBERS = [1, 2, 3]


@contextmanager
def faulty_stream(
    server: WebSocketServer, query: str, fault: FaultAt
) -> Iterator[tuple[RawClient, Task[None]]]:
    """A stream whose thread meets a fault. The log has it, and nothing else may know."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        environ = read_request(ours)
        assert environ is not None
        environ["werkzeug.socket"] = ours
        with ours, fault:
            try:
                server.sessions.serve(environ, no_response)
            except (MemoryError, OSError):
                return  # the server that called closes the connection

    with RawClient(theirs) as client:
        serving = Task(serve)
        client.handshake(f"/queues/a/dequeue{query}", HANDSHAKE)
        yield client, serving


def no_response(status: str, headers: object, exc_info: object = None) -> Any:
    raise AssertionError(status)


def receive(client: RawClient, wanted: int) -> list[int]:
    """Receive messages up to so many, or up to the end; return their numbers."""
    received: list[int] = []
    try:
        while len(received) < wanted and (frame := client.receive()).first == TEXT:
            document = json.loads(frame.payload)
            received += [m["payload"] for m in document.get("messages", [document])]
    except (AssertionError, OSError):
        pass  # the connection ended without a close frame
    return received


def put(server: WebSocketServer) -> None:
    server.queues.enqueue_many("a", [b"%d" % number for number in NUMBERS])


def left(server: WebSocketServer) -> list[int]:
    return [int(message.payload) for message in server.queues.dequeue_many("a", 100)]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("query", ["", "?count=2&credit=3"])
@pytest.mark.parametrize("waits", [False, True], ids=["taken at once", "handed over"])
def test_a_message_that_was_taken_is_delivered_or_back_in_its_place(
    query: str, fault: type[Exception], waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.01)  # the client waits for the session
    wrong: list[str] = []
    with running() as server:
        server.queues.create("a", capacity=100)

        def attempt(injected: FaultAt) -> None:
            if not waits:
                put(server)
            with faulty_stream(server, query, injected) as (client, serving):
                if waits:
                    stats = server.queues.stats
                    wait_until(lambda: serving.ended or stats("a").waiting_consumers == 1)
                    put(server)
                delivered = receive(client, len(NUMBERS))
                client.sock.close()
                serving.result()
            rest = left(server)
            if delivered + rest != NUMBERS:
                wrong.append(f"at {injected.where}: delivered {delivered}, left {rest}")
            if server.queues.stats("a").waiting_consumers:
                wrong.append(f"at {injected.where}: it still stands in line")

        assert len(list(each_fault(fault, attempt, TAKEN))) > 50
    assert not wrong, "\n".join(wrong)
