"""When memory is given back to the system."""

from __future__ import annotations

import pytest

from zoldyq.server.heap import HeapTrimmer

MIB = 1 << 20


@pytest.fixture
def trims() -> list[None]:
    """What is appended to, once for each trim."""
    return []


@pytest.fixture
def trimmer(trims: list[None]) -> HeapTrimmer:
    return HeapTrimmer(lambda: trims.append(None))


def test_a_peak_between_two_looks_is_enough(trimmer: HeapTrimmer, trims: list[None]) -> None:
    trimmer.look(300 * MIB, 0)
    assert len(trims) == 1


def test_one_peak_is_trimmed_once(trimmer: HeapTrimmer, trims: list[None]) -> None:
    for peak, held in ((300 * MIB, 200 * MIB), (200 * MIB, 10 * MIB), (10 * MIB, 0), (0, 0)):
        trimmer.look(peak, held)
    assert len(trims) == 1


def test_what_is_still_held_is_not_trimmed(trimmer: HeapTrimmer, trims: list[None]) -> None:
    trimmer.look(300 * MIB, 200 * MIB)
    assert trims == []


def test_a_small_peak_is_not_worth_it(trimmer: HeapTrimmer, trims: list[None]) -> None:
    trimmer.look(MIB, 0)
    assert trims == []
