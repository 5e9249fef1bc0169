from __future__ import annotations

import pytest

from benchmarks.figures import (
    ZOLDYQ,
    Measure,
    Missing,
    Results,
    Series,
    Stage,
    Target,
    WorkNotDone,
    collect,
    expect,
    of,
    percentile,
    times,
)

RESULTS: Results = {
    ("enqueue", ZOLDYQ): Series("messages/s", (30.0, 50.0, 80.0)),
    ("enqueue", "peer"): Series("messages/s", (10.0, 25.0, 20.0)),
}


def test_a_series_tells_its_median_and_its_spread() -> None:
    series = Series("ms", (5.0, 1.0, 9.0))
    assert (series.median, series.low, series.high) == (5.0, 1.0, 9.0)


def test_contenders_are_compared_within_each_round() -> None:
    ratio = times("enqueue", ZOLDYQ, base="peer")(RESULTS)
    assert ratio == Series("x", (3.0, 2.0, 4.0))
    # Not the ratio of the medians, which would be 50 / 20.
    assert ratio.median == 3.0


def test_a_series_can_be_compared_with_one_number() -> None:
    assert Series("ms", (3.0, 6.0)) / 3.0 == Series("x", (1.0, 2.0))


def test_series_of_different_rounds_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="shorter"):
        _ = Series("x", (1.0, 2.0)) / Series("x", (1.0,))


@pytest.mark.parametrize(
    ("target", "outcome", "bound"),
    [
        (Target("t", times("enqueue", ZOLDYQ, base="peer"), at_least=3), "reached", ">= 3 x"),
        (Target("t", times("enqueue", ZOLDYQ, base="peer"), at_least=3.1), "missed", ">= 3.1 x"),
        (Target("t", of("enqueue"), at_most=50), "reached", "<= 50 messages/s"),
        (Target("t", of("enqueue"), at_most=49), "missed", "<= 49 messages/s"),
    ],
)
def test_the_median_decides_whether_a_target_is_reached(
    target: Target, outcome: str, bound: str
) -> None:
    verdict = target.judge(RESULTS)
    assert (verdict.outcome, verdict.bound) == (outcome, bound)


def test_a_target_without_its_peer_is_neither_reached_nor_missed() -> None:
    verdict = Target("t", times("enqueue", ZOLDYQ, base="absent"), at_least=2).judge(RESULTS)
    assert verdict.figure is None
    assert verdict.outcome == "not measured: no ('enqueue', 'absent')"


def test_rounds_become_a_series_for_each_row() -> None:
    row = ("enqueue", ZOLDYQ)
    rounds = [{row: Measure("enqueue", "x", value)} for value in (1.0, 2.0)]
    assert collect(rounds) == {row: Series("x", (1.0, 2.0))}


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 51), (99, 100), (100, 100)])
def test_percentiles(percent: float, value: int) -> None:
    shuffled = [*range(50, 101), *range(1, 50)]
    assert percentile(shuffled, percent) == value


@pytest.mark.parametrize("done", [9, 12])
def test_work_that_was_not_done_is_an_error(done: int) -> None:
    expect(10, 10, 11, "messages")
    with pytest.raises(WorkNotDone, match=f"messages: {done} counted, 10 to 11 expected"):
        expect(done, 10, 11, "messages")


def test_a_stage_notes_what_cannot_be_had() -> None:
    def absent() -> Stage:
        raise Missing("webdis is not installed")

    with Stage() as stage:
        assert stage.optional(absent) is None
        assert stage.optional(Stage) is not None
    assert stage.skipped == ["webdis is not installed"]
