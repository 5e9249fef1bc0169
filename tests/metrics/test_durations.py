from __future__ import annotations

import pytest

from tests.helpers import run_all
from zoldyq.metrics.durations import BOUNDS, Durations, OperationDurations


def test_nothing_observed_is_all_zero() -> None:
    assert Durations().snapshot() == ((0,) * (len(BOUNDS) + 1), 0.0)


@pytest.mark.parametrize("bucket", range(len(BOUNDS)))
def test_a_bound_belongs_to_its_own_bucket(bucket: int) -> None:
    durations = Durations()
    durations.observe(BOUNDS[bucket])
    durations.observe(BOUNDS[bucket] * 1.0001)
    counts, _ = durations.snapshot()
    assert (counts[bucket], counts[bucket + 1], sum(counts)) == (1, 1, 2)


def test_the_last_bucket_has_no_bound() -> None:
    durations = Durations()
    durations.observe(3600.0)
    counts, total = durations.snapshot()
    assert (counts[-1], total) == (1, 3600.0)


def test_bounds_rise() -> None:
    assert list(BOUNDS) == sorted(set(BOUNDS))


class Odd(float):
    """A number that cannot be added."""

    def __radd__(self, other: object) -> float:
        raise MemoryError


def test_an_observation_that_fails_keeps_no_lock() -> None:
    durations = Durations()
    with pytest.raises(MemoryError):
        durations.observe(Odd(1.0))
    run_all([lambda: durations.observe(1.0)])
    assert durations.snapshot()[1] == 1.0


def test_threads_lose_no_observation() -> None:
    durations = Durations()

    def observe() -> None:
        for _ in range(2_000):
            durations.observe(0.5)

    run_all([observe] * 4)
    counts, total = durations.snapshot()
    assert (sum(counts), total) == (8_000, 4_000.0)


def test_operations_have_a_histogram_each() -> None:
    durations = OperationDurations()
    durations.enqueue.observe(1)
    durations.dequeue_waited.observe(2)
    sums = [
        histogram.snapshot()[1]
        for histogram in (
            durations.enqueue,
            durations.enqueue_waited,
            durations.dequeue,
            durations.dequeue_waited,
        )
    ]
    assert sums == [1, 0, 0, 2]
