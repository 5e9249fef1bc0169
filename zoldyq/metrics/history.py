"""What the dashboard draws: an hour of samples of each queue, in bounded memory.

A series takes at most 35 KB. Only so many queues have one: those that somebody has looked at within
the last hour, and then the busiest. A server with fewer queues than that keeps all of them. One
thread calls :meth:`History.look`; the statistics are asked for without any lock of the history.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from itertools import islice

from zoldyq.contract.errors import QueueNotFound
from zoldyq.contract.statistics import QueueStats
from zoldyq.metrics.durations import OperationDurations
from zoldyq.metrics.series import DurationSeries, QueueSeries, Series, busyness_of
from zoldyq.queue import QueueSet, now_us

#: For how long a look at a queue keeps its place, in seconds.
_LOOKED_AT_SECONDS = 3600.0

#: Queues without a series that are asked how busy they are, at each look.
_CANDIDATES = 100

#: A queue takes the place of another one if it is so many times as busy: else two that are
#: nearly equal would take turns, and neither would have a history.
_BUSIER = 2.0


class History:
    """The series of at most ``most`` queues, and of the durations of the server as a whole.

    With 0 nothing is kept.
    """

    def __init__(self, durations: OperationDurations, most: int) -> None:
        self._most = most
        self._operations = {"enqueue": durations.enqueue, "dequeue": durations.dequeue}
        # Guards the fields below. Never held while a queue is asked.
        self._lock = threading.Lock()
        self._series: dict[str, QueueSeries] = {}
        self._durations = DurationSeries()
        self._looked_at: dict[str, float] = {}  # by time, the oldest first
        # What the thread of `look` alone uses: names still to be asked how busy they are.
        self._candidates: Iterator[str] = iter(())

    def of(self, name: str, stats: QueueStats) -> tuple[Series, Series]:
        """Return the samples of a queue and of the server's durations; none if none are kept.

        From now on the queue has a place among those that are kept; ``stats`` are its first
        sample if it had none.
        """
        with self._lock:
            if self._most:
                self._note_look(name)
                if name not in self._series and self._make_place(math.inf):
                    self._series[name] = QueueSeries()
                    self._series[name].look(time.monotonic(), now_us(), stats)
            series = self._series.get(name)
            return (series or QueueSeries()).copy(), self._durations.copy()

    def _note_look(self, name: str) -> None:
        self._looked_at.pop(name, None)
        self._looked_at[name] = time.monotonic()
        while len(self._looked_at) > self._most:
            del self._looked_at[next(iter(self._looked_at))]

    @property
    def kept(self) -> set[str]:
        """The queues that have a series."""
        with self._lock:
            return set(self._series)

    def look(self, queues: QueueSet) -> None:
        """Take a sample of each queue that is kept.

        One thread calls this each :data:`~zoldyq.metrics.series.SAMPLE_SECONDS`. Raises as
        :meth:`QueueSet.stats` where the queues are away.
        """
        if not self._most:
            return
        self._choose(queues)
        for name in self.kept:
            try:
                stats = queues.stats(name)
            except QueueNotFound:
                with self._lock:
                    self._series.pop(name, None)
                continue
            with self._lock:
                series = self._series.get(name)  # a look may have taken its place
                if series is not None:
                    series.look(time.monotonic(), now_us(), stats)
        with self._lock:
            self._durations.look(now_us(), self._operations)

    # -- which queues are kept: on the thread of look ------------------------------------------

    def _choose(self, queues: QueueSet) -> None:
        """Give places to the queues that should have one."""
        self._forget_looks()
        kept = self.kept
        if len(kept) < self._most:
            for name in islice((each for each in queues.names() if each not in kept), self._most):
                self._place(name, 0.0)
            return
        for name in self._next_candidates(queues):
            try:
                stats = queues.stats(name)
            except QueueNotFound:
                continue
            self._place(name, busyness_of(stats, now_us()))

    def _forget_looks(self) -> None:
        """Forget the looks that are too long ago."""
        since = time.monotonic() - _LOOKED_AT_SECONDS
        with self._lock:
            self._looked_at = {name: at for name, at in self._looked_at.items() if at > since}

    def _next_candidates(self, queues: QueueSet) -> list[str]:
        candidates = list(islice(self._candidates, _CANDIDATES))
        if not candidates:
            self._candidates = iter(queues.names())
            candidates = list(islice(self._candidates, _CANDIDATES))
        kept = self.kept
        return [name for name in candidates if name not in kept]

    def _place(self, name: str, busyness: float) -> None:
        """Keep a queue if there is a place for one that is so busy."""
        with self._lock:
            if name not in self._series and self._make_place(busyness):
                self._series[name] = QueueSeries()

    def _make_place(self, busyness: float) -> bool:
        """Take the place of the idlest queue if need be; under the lock. Tell whether there is one.

        Queues that were looked at keep theirs.
        """
        if len(self._series) < self._most:
            return True
        idlest = min(
            (each for each in self._series if each not in self._looked_at),
            key=lambda each: self._series[each].busyness,
            default=None,
        )
        if idlest is None or busyness <= _BUSIER * self._series[idlest].busyness:
            return False
        del self._series[idlest]
        return True
