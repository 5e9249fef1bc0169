"""Runs a benchmark: all of its contenders in each round, and the rounds one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.figures import (
    Benchmark,
    Measure,
    Probe,
    Row,
    Series,
    Stage,
    Verdict,
    WorkNotDone,
    collect,
)


@dataclass(frozen=True)
class Outcome:
    """What a benchmark yielded."""

    benchmark: Benchmark
    results: dict[Row, Series]
    verdicts: Sequence[Verdict]
    skipped: Sequence[str]


def run(
    benchmark: Benchmark,
    *,
    rounds: int,
    seconds: float,
    show: Callable[[int, int, str], None],
) -> Outcome:
    """Run a benchmark, telling ``show(done, in_all, contender)`` before each measurement.

    Raises:
        WorkNotDone: a contender did not do the work that was asked of it.
    """
    with Stage() as stage:
        probes = list(benchmark.prepare(stage))
        # Each server has its first requests behind it when the figures begin to count.
        warm_up = min(seconds, 0.3)
        slices = benchmark.slices
        plan = [warm_up] + [seconds / slices] * (rounds * slices)
        measured = []
        for number, length in enumerate(plan):
            before = number * len(probes)
            figures: dict[Row, Measure] = {}
            for position, probe in enumerate(probes):
                show(before + position, len(plan) * len(probes), probe.contender)
                figures |= _measure(probe, length)
            measured.append(figures)
    results = collect(measured[1:])
    verdicts = [target.judge(results) for target in benchmark.targets]
    return Outcome(benchmark, results, verdicts, stage.skipped)


def _measure(probe: Probe, seconds: float) -> dict[Row, Measure]:
    try:
        return {(each.work, probe.contender): each for each in probe.run(seconds)}
    except WorkNotDone as error:
        raise WorkNotDone(f"{probe.contender}: {error}") from error
