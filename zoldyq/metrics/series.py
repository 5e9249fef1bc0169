"""The last hour of one queue, and of the server's durations, in arrays of a bounded length."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence

from zoldyq.contract.statistics import QueueStats
from zoldyq.metrics.durations import BOUNDS, Durations

#: Seconds between two samples, and how many are kept: an hour of them.
SAMPLE_SECONDS = 5.0
SAMPLES = 720

#: What is sampled as it is: fields of :class:`QueueStats`.
GAUGES = ("size", "bytes", "oldest_age_seconds", "waiting_consumers", "waiting_producers")

#: What is sampled as a rate for each second, and the counters that it comes from.
RATES: Mapping[str, str] = {
    "in_rate": "enqueued_total",
    "out_rate": "dequeued_total",
    "refused_rate": "queue_full_total",
    "expired_rate": "expired_total",
    "dropped_rate": "overflow_dropped_total",
}

#: Quantiles of the durations, in seconds.
QUANTILES: Mapping[str, tuple[str, float]] = {
    "enqueue_p50": ("enqueue", 0.5),
    "enqueue_p99": ("enqueue", 0.99),
    "dequeue_p50": ("dequeue", 0.5),
    "dequeue_p99": ("dequeue", 0.99),
}

#: Digits that are told of a value: it is kept with seven.
_DIGITS = 6


class Series:
    """Named columns of samples, each at most :data:`SAMPLES` long. The caller holds a lock.

    A value that is not known is a NaN. A sample of ten values takes 48 bytes.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._at = array("q")  # microseconds since the epoch
        self._columns = {name: array("f") for name in names}

    def add(self, at: int, values: Mapping[str, float]) -> None:
        """Append a sample, and forget the oldest one beyond the hour."""
        self._at.append(at)
        for name, column in self._columns.items():
            column.append(values.get(name, math.nan))
        if len(self._at) > SAMPLES:
            del self._at[0]
            for column in self._columns.values():
                del column[0]

    def copy(self) -> Series:
        """Return the same samples, which no other thread changes."""
        copy = Series(())
        copy._at = self._at[:]
        copy._columns = {name: column[:] for name, column in self._columns.items()}
        return copy

    @property
    def at(self) -> list[int]:
        """When each sample was taken, in microseconds since the epoch."""
        return self._at.tolist()

    @property
    def columns(self) -> dict[str, list[float | None]]:
        """The samples by their names; None for what is not known."""
        return {
            name: [_rounded(value) for value in column] for name, column in self._columns.items()
        }

    @property
    def nbytes(self) -> int:
        """Bytes that the samples take."""
        columns = sum(len(each) * each.itemsize for each in self._columns.values())
        return len(self._at) * self._at.itemsize + columns


class QueueSeries(Series):
    """The samples of one queue: :data:`GAUGES` and :data:`RATES`."""

    def __init__(self) -> None:
        super().__init__((*GAUGES, *RATES))
        self._last: tuple[float, QueueStats] | None = None

    @property
    def busyness(self) -> float:
        """Messages that went in and out for each second since the queue was created."""
        return 0.0 if self._last is None else busyness_of(self._last[1], self.at_last)

    @property
    def at_last(self) -> int:
        """When the last sample was taken, in microseconds since the epoch."""
        return self._at[-1]

    def look(self, now: float, at: int, stats: QueueStats) -> None:
        """Take a sample. ``now`` is in seconds of a clock that never jumps."""
        values: dict[str, float] = {name: getattr(stats, name) for name in GAUGES}
        if self._last is not None:
            then, before = self._last
            # A queue that was deleted and created again counts from zero.
            is_new = before.created_at != stats.created_at
            for name, counter in RATES.items():
                grown = getattr(stats, counter) - (0 if is_new else getattr(before, counter))
                values[name] = grown / max(now - then, 0.001)
        self._last = now, stats
        self.add(at, values)


class DurationSeries(Series):
    """The samples of the server's durations: :data:`QUANTILES` of each span between two looks.

    Operations that waited for a message or for room are left out.
    """

    def __init__(self) -> None:
        super().__init__(tuple(QUANTILES))
        self._counts: dict[str, Sequence[int]] = {}

    def look(self, at: int, durations: Mapping[str, Durations]) -> None:
        """Take a sample."""
        counts = {name: each.snapshot()[0] for name, each in durations.items()}
        before, self._counts = self._counts, counts
        values: dict[str, float] = {}
        for name, (operation, share) in QUANTILES.items():
            old = before.get(operation, [0] * len(counts[operation]))
            new = [b - a for a, b in zip(old, counts[operation], strict=True)]
            values[name] = quantile(share, new)
        self.add(at, values)


def busyness_of(stats: QueueStats, at: int) -> float:
    """Return how many messages went in and out of a queue for each second of its life."""
    seconds = max((at - stats.created_at) / 1e6, 1.0)
    return (stats.enqueued_total + stats.dequeued_total) / seconds


def quantile(share: float, counts: Sequence[int]) -> float:
    """Return the value in seconds below which this share of what was counted lies.

    ``counts`` are those of the buckets of :data:`BOUNDS`. Within a bucket the values are taken to
    lie evenly, as Prometheus does. Beyond the last bound it is that bound; NaN if nothing was
    counted.
    """
    rank = share * sum(counts)
    if rank == 0:
        return math.nan
    below = 0
    for bucket, count in enumerate(counts[:-1]):
        if below + count >= rank:
            lower = BOUNDS[bucket - 1] if bucket else 0.0
            return lower + (BOUNDS[bucket] - lower) * (rank - below) / count
        below += count
    return BOUNDS[-1]


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else float(f"{value:.{_DIGITS}g}")
