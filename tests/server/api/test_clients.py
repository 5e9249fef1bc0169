"""Who waits for a queue is known, and by which address."""

from __future__ import annotations

from functools import partial

import pytest

from zoldyq.queue import QueueManager
from zoldyq.server.api.clients import address_of, address_text
from zoldyq.server.api.operations import Operations
from zoldyq.server.api.waits import DequeueWait, EnqueueWait
from zoldyq.server.wsgi.waiting import RequestBell


@pytest.fixture
def operations() -> Operations:
    return Operations(QueueManager())


def dequeue(operations: Operations, bell: RequestBell) -> DequeueWait:  # type: ignore[type-arg]
    call = operations.dequeue_call("emails", "timeout=9", None)
    wait = operations.dequeue(call, bell.ring)
    assert isinstance(wait, DequeueWait)
    return wait


def test_a_consumer_is_known_while_it_waits(operations: Operations) -> None:
    wait = dequeue(operations, RequestBell(("192.0.2.1", 4711)))
    (client,) = operations.waiting.of("emails")
    assert client[:3] == ("emails", "dequeue", "192.0.2.1:4711")
    assert client.seconds >= 0
    assert operations.waiting.of("others") == []
    assert wait.finish() is None
    assert operations.waiting.of("emails")
    wait.finish(expired=True)
    assert operations.waiting.of("emails") == []


def test_a_producer_is_known_while_it_waits_for_room(operations: Operations) -> None:
    operations.queues.create("emails", capacity=1)
    operations.queues.begin_enqueue("emails", [b"1"])
    call = operations.enqueue_call("emails", "timeout=9", None)
    wait = operations.enqueue(call, b'{"payload":1}', RequestBell(("", 0)).ring)
    assert isinstance(wait, EnqueueWait)
    assert [client[1:3] for client in operations.waiting.of("emails")] == [("enqueue", None)]
    operations.queues.purge("emails")
    assert wait.finish() is not None
    assert operations.waiting.of("emails") == []


def test_one_that_has_gone_is_forgotten(operations: Operations) -> None:
    wait = dequeue(operations, RequestBell(("192.0.2.1", 4711)))
    wait.abandon()
    wait.abandon()
    assert operations.waiting.of("emails") == []


class Connection:
    peer = ("2001:db8::1", 9)


def test_a_wake_up_tells_whose_it_is() -> None:
    wake = partial(partial(print, Connection()), 7)
    assert address_of(wake) == "[2001:db8::1]:9"  # type: ignore[arg-type]
    assert address_of(lambda: None) is None
    assert address_text(("", 0)) is None
