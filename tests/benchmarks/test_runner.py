from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.figures import Benchmark, Measure, Probe, Target, WorkNotDone, of
from benchmarks.runner import run


def benchmark(log: list[tuple[str, float]]) -> Benchmark:
    """Two contenders that note when they were measured, and for how long."""

    def probe(name: str) -> Probe:
        def measure(seconds: float) -> Iterator[Measure]:
            log.append((name, seconds))
            yield Measure("work", "turn", len(log))

        return Probe(name, measure)

    target = Target("first", of("work", "a"), at_most=5)
    return Benchmark("test", "a test", lambda stage: [probe("a"), probe("b")], [target])


def test_contenders_take_turns_and_the_first_turn_does_not_count() -> None:
    log: list[tuple[str, float]] = []
    outcome = run(benchmark(log), rounds=2, seconds=1.0, show=lambda done, in_all, name: None)
    assert log == [("a", 0.3), ("b", 0.3), ("a", 1.0), ("b", 1.0), ("a", 1.0), ("b", 1.0)]
    assert outcome.results["work", "a"].values == (3, 5)
    assert outcome.results["work", "b"].values == (4, 6)
    assert [verdict.outcome for verdict in outcome.verdicts] == ["reached"]


def test_what_is_going_on_is_shown() -> None:
    shown: list[tuple[int, int, str]] = []
    run(benchmark([]), rounds=2, seconds=1.0, show=lambda *what: shown.append(what))
    assert shown == [(0, 6, "a"), (1, 6, "b"), (2, 6, "a"), (3, 6, "b"), (4, 6, "a"), (5, 6, "b")]


def test_who_did_not_do_the_work_is_named() -> None:
    def fail(seconds: float) -> Iterator[Measure]:
        raise WorkNotDone("messages: 1 counted, 2 to 2 expected")

    broken = Benchmark("test", "a test", lambda stage: [Probe("a", fail)])
    with pytest.raises(WorkNotDone, match=r"^a: messages: 1 counted"):
        run(broken, rounds=2, seconds=1.0, show=lambda *what: None)
