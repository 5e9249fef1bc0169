"""The queues that the settings ask for, and the thread that keeps them in order.

Messages expire and idle queues go whether or not anybody asks for them. Where ZoldyQ runs the
process its main thread sees to that; under another server it is a thread of the application.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref

from zoldyq.config import Settings
from zoldyq.queue import QueueManager, QueueSet
from zoldyq.server.policies import Policies

_log = logging.getLogger(__name__)

#: How often the queues are looked at, in seconds. Messages are gone within a second of their
#: expiry, idle queues within two of being due.
HOUSEKEEPING_SECONDS = 0.5


def make_queues(settings: Settings, policies: Policies | None = None) -> QueueManager:
    """Return new queues: the declared ones, and what is created with the policies given.

    Without ``policies`` they are those of the settings, and stay.
    """
    policies = Policies(settings) if policies is None else policies
    return QueueManager(
        settings.default_queue_capacity,
        settings.max_queues,
        settings.max_bytes,
        policy_of=policies.policy_of,
        declared=policies.declared,
        auto_create=settings.auto_create,
    )


class Housekeeper:
    """Keeps queues in order on a thread of its own, for as long as they exist."""

    def __init__(self, queues: QueueSet) -> None:
        self._queues = weakref.ref(queues)
        self._lock = threading.Lock()  # guards the field below
        self._process = 0  # where the thread runs; a forked process needs its own

    def ensure(self) -> None:
        """Start the thread, unless this process has it already."""
        if self._process == os.getpid():
            return
        with self._lock:
            if self._process == os.getpid():
                return
            self._process = os.getpid()
        threading.Thread(
            target=_keep_house, args=(self._queues,), name="zoldyq-housekeeper", daemon=True
        ).start()


def _keep_house(reference: weakref.ref[QueueSet]) -> None:
    pause = threading.Event()  # never set: it sleeps
    while not pause.wait(HOUSEKEEPING_SECONDS):
        queues = reference()
        if queues is None:
            return
        try:
            queues.keep_house()
        except Exception:  # noqa: BLE001 - one bad round must not end the thread
            _log.exception("the queues could not be kept in order; it is tried again")
        del queues
