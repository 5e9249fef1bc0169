from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.helpers import wait_until
from zoldyq.queue import MessageQueue


@pytest.fixture(autouse=True)
def _no_thread_is_left_behind() -> Iterator[None]:
    """Fail a test whose threads outlive it: a queue that is used up lets everybody go."""
    before = set(threading.enumerate())
    yield
    wait_until(lambda: set(threading.enumerate()) <= before)


@pytest.fixture
def queue() -> MessageQueue:
    return MessageQueue("emails", capacity=3)
