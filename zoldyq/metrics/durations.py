"""How long operations take, as histograms that cost little to fill."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence

#: Upper bounds of the buckets, in seconds: microseconds for what is answered at once, seconds for
#: what had to wait.
BOUNDS: tuple[float, ...] = (
    0.000005,
    0.00001,
    0.000025,
    0.00005,
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.1,
    1.0,
    10.0,
    60.0,
)


class Durations:
    """One histogram of seconds over :data:`BOUNDS`, and their sum."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards both fields below
        # Every request takes it: a `with` costs 150 ns, these two 75.
        self._enter = self._lock.acquire
        self._leave = self._lock.release
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one operation that took ``seconds``."""
        bucket = bisect_left(BOUNDS, seconds)
        self._enter()
        try:
            self._counts[bucket] += 1
            self._sum += seconds
        finally:
            self._leave()

    def snapshot(self) -> tuple[Sequence[int], float]:
        """Return the count of each bucket (the last one unbounded) and the sum in seconds."""
        with self._lock:
            return tuple(self._counts), self._sum


class OperationDurations:
    """The histograms of enqueue and dequeue, one for callers that waited and one for the others.

    The time spent waiting for a message or for room is part of it, from request to reply.
    """

    def __init__(self) -> None:
        self.enqueue = Durations()
        self.enqueue_waited = Durations()
        self.dequeue = Durations()
        self.dequeue_waited = Durations()
