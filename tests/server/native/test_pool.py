from __future__ import annotations

import threading

import pytest

from tests.helpers import wait_until
from zoldyq.server.native.pool import WorkerPool


def test_jobs_run_in_order_on_one_thread() -> None:
    pool = WorkerPool(1, "test")
    done: list[int] = []
    for number in range(100):
        pool.submit(lambda n=number: done.append(n))  # type: ignore[misc]
    pool.close()
    assert done == list(range(100))


def test_no_more_threads_than_allowed_or_needed() -> None:
    pool = WorkerPool(3, "worker")
    before = threading.active_count()
    go = threading.Event()
    running: list[str] = []

    def job() -> None:
        running.append(threading.current_thread().name)
        assert go.wait(10)

    pool.submit(job)
    wait_until(lambda: len(running) == 1)
    assert threading.active_count() == before + 1
    for _ in range(9):
        pool.submit(job)
    wait_until(lambda: len(running) == 3)
    assert threading.active_count() == before + 3
    go.set()
    pool.close()
    assert len(running) == 10
    assert set(running) == {"worker-1", "worker-2", "worker-3"}
    assert threading.active_count() == before


def test_a_free_thread_is_used_again() -> None:
    pool = WorkerPool(8, "test")
    for _ in range(20):
        done = threading.Event()
        pool.submit(done.set)
        assert done.wait(10)
    assert sum(t.name.startswith("test-") for t in threading.enumerate()) <= 2
    pool.close()


def test_nothing_runs_after_the_end() -> None:
    pool = WorkerPool(2, "test")
    pool.close()
    pool.submit(lambda: pytest.fail("this is never called"))
    pool.close()
