"""Between a queue and the last byte of a reply, no exception at any call loses a message.

The tests answer the same request again and again, with a fault at each call in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from tests.faults import FAULTS, FaultAt, each_fault
from tests.helpers import Task, wait_until
from tests.server.wsgi.client import Answer, call
from zoldyq.config import Settings
from zoldyq.queue import QueueManager
from zoldyq.server.wsgi.app import ZoldyQApp, create_app

PAYLOADS = [b'"first"', b'"second"']


def serve(app: ZoldyQApp, target: str, fault: FaultAt, **environ: object) -> bytes:
    """Answer a request as a server does; return the body if all of it was written, else nothing."""
    answer: Answer | None = None
    with fault:
        try:
            answer = call(app, "POST", target, **environ)
            written = b"".join(answer.body)
        except (MemoryError, OSError):
            return b""  # the server ends the connection
        finally:
            if answer is not None:
                answer.close()
    return written


def leave(app: ZoldyQApp, target: str, fault: FaultAt) -> bytes:
    """Answer a request of a client that has gone before the first byte."""
    with fault:
        try:
            call(app, "POST", target).close()
        except (MemoryError, OSError):
            return b""
    return b""


@pytest.fixture
def app() -> ZoldyQApp:
    return create_app(Settings(max_waiting=4))


@pytest.fixture
def queues(app: ZoldyQApp) -> QueueManager:
    return cast(QueueManager, app.operations.queues)


def put(app: ZoldyQApp) -> None:
    """Put both messages into the queue."""
    body = b'{"payloads":[%b]}' % b",".join(PAYLOADS)
    assert call(app, "POST", "/queues/a/enqueue", body).status == 200


def left(app: ZoldyQApp) -> list[bytes]:
    """Take what is in the queue."""
    ndjson = "application/x-ndjson"
    return call(app, "POST", "/queues/a/dequeue?count=9", HTTP_ACCEPT=ndjson).read().splitlines()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("query", ["", "?count=10", "?count=10&timeout=5"])
@pytest.mark.parametrize("ask", [serve, leave])
def test_a_message_that_was_taken_is_delivered_or_back_in_its_place(
    app: ZoldyQApp, fault: type[Exception], query: str, ask: Callable[..., bytes]
) -> None:
    wrong: list[str] = []

    def attempt(injected: FaultAt) -> None:
        put(app)
        body = ask(app, f"/queues/a/dequeue{query}", injected)
        delivered = [payload for payload in PAYLOADS if payload in body]
        rest = left(app)
        if delivered + rest != PAYLOADS:
            wrong.append(f"at {injected.where}: delivered {delivered}, left {rest}")

    assert len(list(each_fault(fault, attempt))) > 50
    assert wrong == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_message_that_was_waited_for_is_delivered_or_back_in_its_place(
    app: ZoldyQApp, queues: QueueManager, fault: type[Exception]
) -> None:
    wrong: list[str] = []
    # Else the queue would not be there to be looked at.
    assert call(app, "PUT", "/queues/a", b'{"capacity": 10}').status == 201

    def attempt(injected: FaultAt) -> None:
        task = Task(lambda: serve(app, "/queues/a/dequeue?count=10&timeout=20", injected))
        wait_until(lambda: task.ended or queues.stats("a").waiting_consumers == 1)
        put(app)
        body = task.result()
        delivered = [payload for payload in PAYLOADS if payload in body]
        rest = left(app)
        if delivered + rest != PAYLOADS or queues.stats("a").waiting_consumers:
            wrong.append(f"at {injected.where}: delivered {delivered}, left {rest}")

    assert len(list(each_fault(fault, attempt))) > 50
    assert wrong == []
