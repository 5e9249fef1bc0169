"""The samples of one queue, and of the server's durations."""

from __future__ import annotations

import math

import pytest

from zoldyq.contract.statistics import QueueStats
from zoldyq.metrics import series
from zoldyq.metrics.durations import OperationDurations
from zoldyq.metrics.series import SAMPLES, DurationSeries, QueueSeries, quantile
from zoldyq.queue import QueueManager


def stats(at: int) -> QueueStats:
    queues = QueueManager()
    queues.enqueue_many("q", [b"1"] * at)
    return queues.stats("q")


def test_a_series_is_an_hour_long_and_takes_a_bounded_memory() -> None:
    kept = QueueSeries()
    present = stats(1)
    for second in range(SAMPLES + 10):
        kept.look(second, second, present)
    assert kept.at == list(range(10, SAMPLES + 10))
    assert {len(column) for column in kept.columns.values()} == {SAMPLES}
    assert kept.nbytes <= 35_000


def test_a_copy_does_not_change_with_its_series() -> None:
    kept = QueueSeries()
    kept.look(0, 0, stats(1))
    copy = kept.copy()
    kept.look(1, 1, stats(1))
    assert len(copy.at) == 1


def test_a_quantile_lies_evenly_within_its_bucket() -> None:
    counts = [0] * (len(series.BOUNDS) + 1)
    assert math.isnan(quantile(0.5, counts))
    counts[4] = 10  # from 50 to 100 microseconds
    assert quantile(0.5, counts) == pytest.approx(0.000075)
    counts[-1] = 90
    assert quantile(0.99, counts) == series.BOUNDS[-1]


def test_durations_are_those_since_the_last_look() -> None:
    durations = OperationDurations()
    operations = {"enqueue": durations.enqueue, "dequeue": durations.dequeue}
    kept = DurationSeries()
    durations.enqueue.observe(0.9)
    kept.look(0, operations)
    durations.enqueue.observe(0.00002)
    kept.look(1, operations)
    slow, fast = kept.columns["enqueue_p99"]
    assert slow is not None
    assert fast is not None
    assert slow > 0.1 > fast
    assert kept.columns["dequeue_p99"] == [None, None]
