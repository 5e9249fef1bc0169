"""The queues that the settings ask for, and the threads that look after them.

Messages expire and idle queues go whether or not anybody asks for them. Where ZoldyQ runs the
process its main thread sees to that; under another server it is a thread of the application. The
samples of the history are taken on a thread of their own, as queues in Redis may take long to
answer and the main thread has to hear signals.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable

from zoldyq.config import Settings
from zoldyq.contract.errors import BackendUnavailable
from zoldyq.metrics.history import History
from zoldyq.metrics.series import SAMPLE_SECONDS
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


class _Keeper:
    """Does something with queues again and again, on a thread of its own, while they exist.

    The thread is called ``name``; ``work`` is done each ``seconds``.
    """

    def __init__(
        self, queues: QueueSet, name: str, seconds: float, work: Callable[[QueueSet], None]
    ) -> None:
        self._queues = weakref.ref(queues)
        self._name = name
        self._seconds = seconds
        self._work = work
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
            target=_keep,
            args=(self._queues, self._seconds, self._work),
            name=self._name,
            daemon=True,
        ).start()


class Housekeeper(_Keeper):
    """Keeps queues in order."""

    def __init__(self, queues: QueueSet) -> None:
        super().__init__(queues, "zoldyq-housekeeper", HOUSEKEEPING_SECONDS, _keep_house)


class Recorder(_Keeper):
    """Takes the samples of a history."""

    def __init__(self, queues: QueueSet, history: History) -> None:
        super().__init__(queues, "zoldyq-history", SAMPLE_SECONDS, history.look)


def _keep_house(queues: QueueSet) -> None:
    queues.keep_house()


def _keep(
    reference: weakref.ref[QueueSet], seconds: float, work: Callable[[QueueSet], None]
) -> None:
    pause = threading.Event()  # never set: it sleeps
    while not pause.wait(seconds):
        queues = reference()
        if queues is None:
            return
        try:
            work(queues)
        except BackendUnavailable:
            _log.debug("the backend is away; it is tried again")
        except Exception:  # noqa: BLE001 - one bad round must not end the thread
            _log.exception("the queues could not be looked after; it is tried again")
        del queues
