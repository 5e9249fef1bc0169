"""The fields of a policy and what they take."""

from __future__ import annotations

import pytest

from zoldyq.contract.errors import InvalidCapacity, InvalidPolicy, UnknownField
from zoldyq.contract.policy import FIELDS, Policy, check_fields


def test_each_field_has_a_default_that_it_allows() -> None:
    assert check_fields(Policy().document()) == Policy().document()
    assert [field.name for field in FIELDS] == list(Policy().document())
    assert all(field.meaning for field in FIELDS)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("capacity", [1, 1_000_000_000]),
        ("max_bytes", [1024, (1 << 53) - 1, None]),
        ("ttl_seconds", [0.000001, 60, 2_678_400, None]),
        ("overflow", ["reject", "drop_oldest"]),
        ("idle_seconds", [1, 1.5, 2_678_400, None]),
    ],
)
def test_what_is_in_range_is_taken(name: str, values: list[object]) -> None:
    for value in values:
        assert check_fields({name: value}) == {name: value}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (
            "capacity",
            [0, 1_000_000_001, 10**400, -(10**400), 1.0, "1", True, None, [1], float("inf")],
        ),
        ("max_bytes", [1023, 1 << 53, 10**400, 2048.0, True, "1KiB", {}]),
        ("ttl_seconds", [0, -1, 2_678_401, 10**400, float("nan"), "60", False]),
        ("overflow", ["drop", "", None, 1, []]),
        ("idle_seconds", [0.9, 2_678_401, -(10**400), "5s", True]),
    ],
)
def test_what_is_not_is_refused_by_name_and_range(name: str, values: list[object]) -> None:
    refusal = InvalidCapacity if name == "capacity" else InvalidPolicy
    for value in values:
        with pytest.raises(refusal, match=f"{name} must be ") as refused:
            check_fields({name: value})
        assert refused.value.details["field"] == name
        assert str(refused.value.details["range"]) in refused.value.message


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(UnknownField) as refused:
        check_fields({"capacity": 1, "x" * 1000: 2})
    assert refused.value.details == {"field": "x" * 100}


def test_fields_tell_in_what_they_differ() -> None:
    policy = Policy(capacity=5, ttl_seconds=60)
    assert policy.differs({"capacity": 5, "ttl_seconds": 61, "max_bytes": None}) == ["ttl_seconds"]
    assert policy.changed({"capacity": 6}) == Policy(capacity=6, ttl_seconds=60)
