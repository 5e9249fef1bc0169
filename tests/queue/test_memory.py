from __future__ import annotations

import pytest

from tests.helpers import run_all
from zoldyq.contract.errors import MemoryLimit
from zoldyq.queue import MemoryBudget


def test_takes_exactly_as_much_as_it_may() -> None:
    budget = MemoryBudget(100)
    budget.reserve(60)
    budget.reserve(40)
    assert budget.used == 100


def test_refuses_one_byte_more_and_charges_nothing_for_it() -> None:
    budget = MemoryBudget(100)
    budget.reserve(60)
    with pytest.raises(MemoryLimit) as refusal:
        budget.reserve(41)
    assert refusal.value.details == {"max_bytes": 100}
    assert budget.used == 60


def test_what_is_released_can_be_reserved_again() -> None:
    budget = MemoryBudget(100)
    budget.reserve(100)
    budget.release(30)
    budget.reserve(30)
    assert budget.used == 100


def test_charging_knows_no_limit_but_counts_against_it() -> None:
    budget = MemoryBudget(100)
    budget.charge(150)
    assert budget.used == 150
    with pytest.raises(MemoryLimit):
        budget.reserve(1)


def test_a_peak_is_remembered_until_it_is_asked_for() -> None:
    budget = MemoryBudget(100)
    budget.reserve(60)
    budget.charge(50)
    budget.release(90)
    assert [budget.take_peak(), budget.take_peak()] == [110, 20]
    budget.reserve(10)
    assert budget.take_peak() == 30


def test_threads_lose_no_byte() -> None:
    budget = MemoryBudget(1_000_000)

    def reserve_and_release() -> None:
        for _ in range(2_000):
            budget.reserve(3)
            budget.charge(2)
            budget.release(5)

    run_all([reserve_and_release] * 4)
    assert budget.used == 0
