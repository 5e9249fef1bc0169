"""Places in a queue's lines, and the bell that wakes a thread.

A consumer that finds no message gets a place in one line, a producer that finds no room a place
in another. The queue settles a place (it gives what the owner waits for, or ends the wait) under
its own lock and then wakes the owner. A wake-up is only a hint: the truth is in the place, and
``leave`` tells it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from zoldyq.contract.errors import ZoldyQError
from zoldyq.queue.message import Delivery, Receipt

#: Tells the owner of a place to look. It is called from any thread, never under a queue's lock,
#: and must neither block nor raise.
Wake = Callable[[], None]


class Lines(Protocol):
    """What a place needs of the queue in whose line it stands."""

    def leave_consumers(self, place: ConsumerPlace, expired: bool) -> Delivery:
        """Take a consumer out of the line; see :meth:`ConsumerPlace.leave`."""

    def leave_producers(self, place: ProducerPlace, expired: bool) -> Receipt:
        """Take a producer out of the line; see :meth:`ProducerPlace.leave`."""


class ConsumerPlace:
    """A consumer's place in line, for ``count`` messages at the most.

    ``settled`` says that the wait is over. The queue sets it before it calls ``wake``.
    """

    __slots__ = ("_lines", "count", "delivery", "settled", "wake")

    def __init__(self, lines: Lines, wake: Wake, count: int) -> None:
        self._lines = lines
        self.wake = wake
        self.count = count
        # Both are written under the queue's lock.
        self.settled = False
        self.delivery: Delivery | None = None

    def leave(self, expired: bool = False) -> Delivery:
        """Quit the line and return what was handed over meanwhile, perhaps nothing.

        May be called from any thread and more than once; only one call gets the messages.
        ``expired`` says that the time ran out, which is counted if nothing was handed over.
        """
        return self._lines.leave_consumers(self, expired)


class ProducerPlace:
    """A producer's place in the line for room, with the payloads that it wants to enqueue.

    ``settled`` says that the wait is over. The queue sets it before it calls ``wake``.
    """

    __slots__ = ("_lines", "error", "payloads", "receipt", "settled", "ttl", "wake")

    def __init__(
        self, lines: Lines, wake: Wake, payloads: Sequence[bytes], ttl: int | None
    ) -> None:
        self._lines = lines
        self.wake = wake
        self.payloads = payloads
        self.ttl = ttl  # their own lifetime in microseconds, from the moment they get in
        # All three are written under the queue's lock.
        self.settled = False
        self.receipt: Receipt | None = None
        self.error: ZoldyQError | None = None

    def leave(self, expired: bool = False) -> Receipt:
        """Quit the line and return the receipt for what got in meanwhile.

        May be called from any thread and more than once; it tells the same again. ``expired``
        says that the time ran out, which is counted as a refusal if nothing got in.

        Raises:
            QueueFull: there was no room so far.
            BatchExceedsCapacity: the queue has become too small for the batch.
            MemoryLimit: the turn came, but the shared budget was spent.
            QueueClosed: the queue was deleted. ShuttingDown: the server is stopping.
        """
        return self._lines.leave_producers(self, expired)


Place = ConsumerPlace | ProducerPlace


def wake_all(places: Sequence[Place]) -> None:
    """Wake the owners. Never called under a lock, for a wake-up may take one of its own."""
    for place in places:
        place.wake()


def _longest_nap() -> float:
    """Return how long a thread may sleep in one go, in seconds.

    Without the GIL the memory of an object that another thread has freed is only reclaimed when
    the thread that made the object runs again; so nobody sleeps for longer than a second there.
    A condition takes no longer wait than TIMEOUT_MAX, and so no infinite one.
    """
    gil = getattr(sys, "_is_gil_enabled", None)
    return threading.TIMEOUT_MAX if gil is None or gil() else 1.0


_LONGEST_NAP = _longest_nap()


class Bell:
    """Lets one thread sleep until another rings; a ring that comes before the sleep is kept.

    ``lock`` may be shared with what the sleeper waits for, so that one lock serves both.
    """

    __slots__ = ("_condition", "_rung")

    def __init__(self, lock: threading.Lock | None = None) -> None:
        self._condition = threading.Condition(lock or threading.Lock())
        self._rung = False  # guarded by the condition

    def ring(self) -> None:
        """Wake the thread in :meth:`sleep`, or the next one to enter it."""
        with self._condition:
            self._rung = True
            self._condition.notify()

    def sleep(self, deadline: float | None) -> bool:
        """Sleep until rung or until ``deadline``; tell whether the bell rang.

        ``deadline`` is in seconds of :func:`time.monotonic`, None for no limit.
        """
        with self._condition:
            while not self._rung:
                remaining = _LONGEST_NAP if deadline is None else deadline - time.monotonic()
                if remaining <= 0:
                    return False
                self._condition.wait(min(remaining, _LONGEST_NAP))
            self._rung = False
            return True


def deadline_after(timeout: float | None) -> float | None:
    """Turn a timeout in seconds into a deadline of :func:`time.monotonic`; None means no limit."""
    return None if timeout is None else time.monotonic() + timeout
