from __future__ import annotations

import pytest

from tests.helpers import Task
from zoldyq import pacing
from zoldyq.pacing import Turnstile, slices


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 1_000])
def test_slices_hold_every_item_in_order(count: int) -> None:
    parts = list(slices(iter(range(count))))
    assert [item for part in parts for item in part] == list(range(count))
    assert all(0 < len(part) <= 32 for part in parts)


def test_long_work_pauses_and_short_work_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    now = 0.0
    monkeypatch.setattr(pacing, "perf_counter", lambda: now)
    monkeypatch.setattr(pacing, "sleep", pauses.append)
    for _ in slices(range(320)):
        pass
    assert pauses == []
    for _ in slices(range(320)):
        now += pacing.WORK_SECONDS / 2
    assert pauses == [pacing.PAUSE_SECONDS] * 5


class TestTurnstile:
    def test_threads_are_inside_one_at_a_time(self) -> None:
        turnstile = Turnstile()
        inside: list[int] = []
        most: list[int] = []

        def pass_through() -> None:
            for _ in range(20):
                turnstile.acquire()
                inside.append(1)
                most.append(len(inside))
                inside.pop()
                turnstile.release()

        threads = [Task(pass_through) for _ in range(8)]
        for thread in threads:
            thread.result()
        assert len(most) == 160
        assert max(most) == 1

    def test_the_next_one_waits_until_it_is_left(self) -> None:
        turnstile = Turnstile(patience=60)
        turnstile.acquire()
        second = Task(turnstile.acquire)
        assert not second.ended
        turnstile.release()
        second.result()

    def test_another_takes_the_place_of_one_that_does_not_leave(self) -> None:
        turnstile = Turnstile(patience=0.01)
        turnstile.acquire()
        for _ in range(2):
            turnstile.acquire()
            turnstile.release()
            turnstile.release()
