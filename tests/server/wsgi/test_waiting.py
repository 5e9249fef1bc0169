"""Requests that wait on a thread."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.helpers import Task, wait_until
from zoldyq.contract.errors import TooManyWaiting
from zoldyq.queue import Bell, QueueManager
from zoldyq.server.api.operations import Operations
from zoldyq.server.api.waits import Wait
from zoldyq.server.wsgi.exchange import Handover
from zoldyq.server.wsgi.waiting import ThreadWaits, hang_up_check
from zoldyq.wire import Reply

GONE = {"waitress.client_disconnected": lambda: True}
HERE = {"waitress.client_disconnected": lambda: False}


@pytest.fixture
def queues() -> QueueManager:
    return QueueManager(default_capacity=1)


@pytest.fixture
def operations(queues: QueueManager) -> Operations:
    return Operations(queues)


def settled(
    operations: Operations,
    waits: ThreadWaits,
    outcome: Reply | Wait[Reply],
    bell: Bell,
    environ: dict[str, object],
) -> Reply:
    """Wait as the application does; what was taken counts as delivered."""
    handover = Handover(operations.put_back)
    handover.outcome = outcome
    try:
        return waits.settle(handover, bell, environ)
    except BaseException:
        handover.close()
        raise


def dequeue(
    operations: Operations, waits: ThreadWaits, timeout: float, environ: dict[str, object]
) -> Reply:
    bell = Bell()
    call = operations.dequeue_call("a", f"timeout={timeout}", None)
    return settled(operations, waits, operations.dequeue(call, bell.ring), bell, environ)


def enqueue(
    operations: Operations, waits: ThreadWaits, timeout: float, environ: dict[str, object]
) -> Reply:
    bell = Bell()
    call = operations.enqueue_call("a", f"timeout={timeout}", None)
    outcome = operations.enqueue(call, b'{"payload":"new"}', bell.ring)
    return settled(operations, waits, outcome, bell, environ)


def waiting(queues: QueueManager) -> int:
    """How many wait on the queue, for a message or for room."""
    stats = queues.stats("a")
    return stats.waiting_consumers + stats.waiting_producers


def test_a_waiting_consumer_gets_the_next_message(
    queues: QueueManager, operations: Operations
) -> None:
    queues.create("a", capacity=1)
    task = Task(lambda: dequeue(operations, ThreadWaits(1), 30, HERE))
    wait_until(lambda: waiting(queues) == 1)
    queues.enqueue_many("a", [b"1"])
    assert b'"payload":1,' in task.result().body


def test_nothing_comes_in_time(queues: QueueManager, operations: Operations) -> None:
    queues.create("a", capacity=1)
    assert dequeue(operations, ThreadWaits(1), 0.01, HERE).status == 204
    assert queues.stats("a").dequeue_timeout_total == 1


def test_a_waiting_producer_gets_the_next_room(
    queues: QueueManager, operations: Operations
) -> None:
    queues.enqueue_many("a", [b"1"])
    task = Task(lambda: enqueue(operations, ThreadWaits(1), 30, HERE))
    wait_until(lambda: waiting(queues) == 1)
    assert queues.dequeue_many("a", 1)[0].payload == b"1"
    assert task.result().status == 200
    assert queues.dequeue_many("a", 1)[0].payload == b'"new"'


def test_a_consumer_that_has_gone_leaves_the_line(
    queues: QueueManager, operations: Operations
) -> None:
    queues.create("a", capacity=1)
    assert dequeue(operations, ThreadWaits(1), 3600, GONE).status == 204
    assert waiting(queues) == 0
    assert queues.stats("a").dequeue_timeout_total == 0


def test_a_message_won_by_a_consumer_that_has_gone_goes_back(
    queues: QueueManager, operations: Operations
) -> None:
    def is_gone() -> bool:
        """Notice that the client has gone, only once a message was handed to it."""
        queues.enqueue_many("a", [b"1"])
        return True

    queues.create("a", capacity=1)
    reply = dequeue(operations, ThreadWaits(1), 3600, {"waitress.client_disconnected": is_gone})
    assert reply.status == 204
    assert queues.dequeue_many("a", 1)[0].payload == b"1"
    assert queues.stats("a").put_back_total == 1


def test_a_consumer_that_left_just_before_its_message_came_does_not_get_it(
    queues: QueueManager, operations: Operations
) -> None:
    queues.create("a", capacity=1)
    bell = Bell()
    outcome = operations.dequeue(operations.dequeue_call("a", "timeout=3600", None), bell.ring)
    queues.enqueue_many("a", [b"1"])
    assert settled(operations, ThreadWaits(1), outcome, bell, GONE).status == 204
    assert queues.stats("a").size == 1


def test_a_producer_that_has_gone_leaves_the_line(
    queues: QueueManager, operations: Operations
) -> None:
    queues.enqueue_many("a", [b"1"])
    enqueue(operations, ThreadWaits(1), 3600, GONE)
    assert waiting(queues) == 0
    assert [message.payload for message in queues.dequeue_many("a", 2)] == [b"1"]


@pytest.mark.parametrize("what", [dequeue, enqueue])
def test_no_more_wait_than_may(queues: QueueManager, operations: Operations, what: object) -> None:
    queues.create("a", capacity=1)
    if what is enqueue:
        queues.enqueue_many("a", [b"1"])
    with pytest.raises(TooManyWaiting, match="0 requests wait already"):
        what(operations, ThreadWaits(0), 3600, HERE)  # type: ignore[operator]
    assert waiting(queues) == 0


def test_a_place_to_wait_is_free_again_after_use(
    queues: QueueManager, operations: Operations
) -> None:
    waits = ThreadWaits(1)
    for _ in range(3):
        assert dequeue(operations, waits, 0.001, HERE).status == 204
        assert dequeue(operations, waits, 3600, GONE).status == 204


def test_who_need_not_wait_is_served_though_no_more_may_wait(
    queues: QueueManager, operations: Operations
) -> None:
    queues.enqueue_many("a", [b"1"])
    assert dequeue(operations, ThreadWaits(0), 3600, HERE).status == 200


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    with listener, client, server:
        yield client, server


class TestHangUpSeenThroughASocket:
    def test_a_client_that_is_there(self, pair: tuple[socket.socket, socket.socket]) -> None:
        client, server = pair
        has_gone = hang_up_check({"gunicorn.socket": server})
        assert not has_gone()
        client.sendall(b"GET /the/next HTTP/1.1\r\n")
        server.recv(1, socket.MSG_PEEK)
        assert not has_gone()

    def test_a_client_that_has_closed(self, pair: tuple[socket.socket, socket.socket]) -> None:
        client, server = pair
        has_gone = hang_up_check({"gunicorn.socket": server})
        client.sendall(b"GET /the/next HTTP/1.1\r\n")
        client.close()
        wait_until(has_gone)

    def test_a_client_that_sends_no_more(self, pair: tuple[socket.socket, socket.socket]) -> None:
        client, server = pair
        client.shutdown(socket.SHUT_WR)
        wait_until(hang_up_check({"gunicorn.socket": server}))


def test_a_client_counts_as_there_where_the_server_tells_nothing() -> None:
    assert not hang_up_check({})()
