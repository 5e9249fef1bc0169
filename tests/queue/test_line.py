from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable

import pytest

from tests.helpers import Task
from zoldyq.queue import Bell, deadline_after, line
from zoldyq.server.websocket import connection


def test_a_ring_wakes_the_sleeper() -> None:
    bell = Bell()
    sleeper = Task(lambda: bell.sleep(None))
    bell.ring()
    assert sleeper.result()


def test_a_ring_before_the_sleep_is_kept() -> None:
    bell = Bell()
    bell.ring()
    assert bell.sleep(deadline_after(0))


def test_a_ring_serves_one_sleep() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    assert bell.sleep(deadline_after(0))
    assert not bell.sleep(deadline_after(0))


def test_sleeps_until_the_deadline_and_no_longer() -> None:
    began = time.monotonic()
    assert not Bell().sleep(deadline_after(0.02))
    assert time.monotonic() - began >= 0.02


def test_sleeps_at_a_deadline_beyond_what_the_platform_can_wait() -> None:
    bell = Bell()
    sleeper = Task(lambda: bell.sleep(deadline_after(math.inf)))
    bell.ring()
    assert sleeper.result()


def test_does_not_hold_a_shared_lock_while_it_sleeps() -> None:
    lock = threading.Lock()
    bell = Bell(lock)
    sleeper = Task(lambda: bell.sleep(deadline_after(30)))
    with lock:
        ringer = Task(bell.ring)
    ringer.result()
    assert sleeper.result()


def test_a_long_sleep_is_cut_into_naps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the GIL a sleeper runs now and then, so that its freed memory is reclaimed."""
    naps: list[float] = []
    bell = Bell()

    def nap(_condition: threading.Condition, seconds: float) -> None:
        naps.append(seconds)
        bell._rung = len(naps) == 3

    monkeypatch.setattr("zoldyq.queue.line._LONGEST_NAP", 1.0)
    monkeypatch.setattr(threading.Condition, "wait", nap)
    assert bell.sleep(None)
    assert naps == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("longest", [line._longest_nap, connection._longest_sleep])
@pytest.mark.parametrize("has_gil", [True, False])
def test_sleepers_wake_each_second_where_there_is_no_gil(
    monkeypatch: pytest.MonkeyPatch, longest: Callable[[], float], has_gil: bool
) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: has_gil, raising=False)
    assert (longest() == 1.0) is not has_gil


def test_no_timeout_is_no_deadline() -> None:
    assert deadline_after(None) is None


def test_a_deadline_is_so_many_seconds_away() -> None:
    before = time.monotonic()
    deadline = deadline_after(5)
    assert deadline is not None
    assert before + 5 <= deadline <= time.monotonic() + 5
