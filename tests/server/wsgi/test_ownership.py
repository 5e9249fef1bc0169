"""Between a queue and the last byte of a reply, no exception at any call loses a message.

The tests do not list the calls. They answer the same request again and again, and each time raise
an exception at the next call (of Python or of C), until a request comes through without one. The
calls inside the queues are left out: what they do under their locks has tests of its own.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, cast

import pytest

import zoldyq
import zoldyq.queue
from tests.helpers import Task, wait_until
from tests.server.wsgi.client import Answer, call
from zoldyq.config import Settings
from zoldyq.queue import QueueManager
from zoldyq.server.wsgi.app import ZoldyQApp, create_app

ZOLDYQ = str(Path(zoldyq.__file__).parent)
QUEUES = str(Path(zoldyq.queue.__file__).parent)
LOGGING = str(Path(logging.__file__).parent)
FAULTS = [MemoryError, OSError]
#: To let go of a lock never fails, and a lock that is never let go of is another fault.
LETTING_GO = {"release", "__exit__"}
PAYLOADS = [b'"first"', b'"second"']


class FaultAt:
    """Raises ``fault`` at one call that the application makes on this thread.

    ``number`` counts the calls from 1. What comes after the fault works.
    """

    def __init__(self, number: int, fault: type[Exception]) -> None:
        self._left = number
        self._fault = fault
        self.where = ""

    def __enter__(self) -> None:
        sys.setprofile(self._on_event)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _on_event(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            caller, name, called = frame.f_back, frame.f_code.co_name, frame.f_code.co_qualname
        elif event == "c_call":
            caller, name, called = frame, argument.__name__, repr(argument)
        else:
            return
        if name in LETTING_GO or not is_made_by_the_application(frame, caller):
            return
        self._left -= 1
        if self._left == 0:
            self.where = called
            raise self._fault("injected")


def is_made_by_the_application(frame: FrameType, caller: FrameType | None) -> bool:
    """Whether ZoldyQ makes a call, itself or through a library, and not inside its queues."""
    if frame.f_code.co_filename.startswith((QUEUES, LOGGING)):
        return False
    found = False
    while caller is not None:
        file = caller.f_code.co_filename
        if file.startswith((QUEUES, LOGGING)):
            return False
        found = found or file.startswith(ZOLDYQ)
        caller = caller.f_back
    return found


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


def each_fault(fault: type[Exception], attempt: Callable[[FaultAt], None]) -> Iterator[str]:
    """Call ``attempt`` with a fault at each call in turn; yield what was called."""
    number = 0
    while True:
        number += 1
        injected = FaultAt(number, fault)
        attempt(injected)
        if not injected.where:
            return
        yield injected.where


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
