"""What the client logs, and which threads do its own work.

The client logs below the logger ``zoldyq.client``. A handler that sends log records through a
client must not send those that its own sending causes (urllib3 logs each request at DEBUG): each
would cause the next. So the client's threads say what they are, and
:class:`zoldyq.client.logging.QueueHandler` asks.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: The client's logger. What it says goes where the program sends its log.
log = logging.getLogger("zoldyq.client")
log.addHandler(logging.NullHandler())

_thread = threading.local()


@contextmanager
def own_work() -> Iterator[None]:
    """Mark what this thread does within the block as the client's own work."""
    before = is_own_work()
    _thread.own_work = True
    try:
        yield
    finally:
        _thread.own_work = before


def is_own_work() -> bool:
    """Whether the calling thread does the client's own work."""
    return bool(getattr(_thread, "own_work", False))
