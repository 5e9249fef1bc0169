"""Times that callers give, and the points in time that follow from them."""

from __future__ import annotations

import math

import pytest

from zoldyq.client.deadline import Deadline, seconds
from zoldyq.contract.errors import InvalidTimeout


@pytest.mark.parametrize(("given", "meant"), [(0, 0.0), (1.5, 1.5), (7, 7.0), (None, math.inf)])
def test_a_number_from_zero_or_none_is_a_time(given: float | None, meant: float) -> None:
    assert seconds(given) == meant


@pytest.mark.parametrize("given", [-1, -0.1, math.inf, math.nan, True, "5", b"5", [1]])
def test_anything_else_is_refused_by_its_name(given: object) -> None:
    with pytest.raises(InvalidTimeout, match="patience must be a number of seconds from 0"):
        seconds(given, "patience")


def test_a_deadline_that_has_passed_leaves_nothing() -> None:
    deadline = Deadline(0)
    assert (deadline.left, deadline.passed) == (0.0, True)


def test_a_deadline_leaves_less_and_less() -> None:
    deadline = Deadline(60)
    first = deadline.left
    assert 60 >= first >= deadline.left > 0
    assert not deadline.passed


def test_a_deadline_without_a_limit_never_passes() -> None:
    assert Deadline(math.inf).left == math.inf
