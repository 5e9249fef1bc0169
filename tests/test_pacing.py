from __future__ import annotations

import pytest

from zoldyq import pacing
from zoldyq.pacing import slices


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
