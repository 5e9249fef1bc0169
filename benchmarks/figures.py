"""What a benchmark yields, and how its figures are judged.

A round measures every contender once, and rounds follow each other: so the contenders take turns,
and what the machine does meanwhile touches all of them. A comparison is made within each round
and then over all rounds; nothing is judged by a single run.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

#: What was done and by whom, such as ("enqueue, 8 connections", "ZoldyQ").
Row = tuple[str, str]

ZOLDYQ = "ZoldyQ"


class Missing(Exception):
    """Something that a measurement needs is not on this machine. The text says what."""


class WorkNotDone(Exception):
    """The work that was to be measured did not happen: its figures would mean nothing."""


def expect(done: float, low: float, high: float, what: str) -> None:
    """Make sure that between ``low`` and ``high`` was done.

    Raises:
        WorkNotDone: it was less or more.
    """
    if not low <= done <= high:
        raise WorkNotDone(f"{what}: {done:,} counted, {low:,} to {high:,} expected")


@dataclass(frozen=True)
class Measure:
    """One figure of one measurement."""

    work: str
    unit: str
    value: float


@dataclass(frozen=True)
class Probe:
    """A contender, and how it is measured for about so many seconds."""

    contender: str
    run: Callable[[float], Iterable[Measure]]


@dataclass(frozen=True)
class Series:
    """The same figure of several rounds."""

    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The figure in the middle."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The lowest figure."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The highest figure."""
        return max(self.values)

    def __truediv__(self, other: Series | float) -> Series:
        """Return how many times the other it is, round by round."""
        others = other.values if isinstance(other, Series) else (other,) * len(self.values)
        return Series("x", tuple(a / b for a, b in zip(self.values, others, strict=True)))


Results = Mapping[Row, Series]


@dataclass(frozen=True)
class Verdict:
    """How a target fared; ``figure`` is None where it could not be measured."""

    text: str
    bound: str
    figure: Series | None
    outcome: str


@dataclass(frozen=True)
class Target:
    """A figure to reach: the median of ``figure`` lies on the right side of one bound."""

    text: str
    figure: Callable[[Results], Series]
    at_least: float | None = None
    at_most: float | None = None

    def judge(self, results: Results) -> Verdict:
        """Tell whether the target is reached, missed or not measured."""
        try:
            figure = self.figure(results)
        except KeyError as missing:
            return Verdict(self.text, self._bound(""), None, f"not measured: no {missing.args[0]}")
        reached = (self.at_least is None or figure.median >= self.at_least) and (
            self.at_most is None or figure.median <= self.at_most
        )
        return Verdict(
            self.text, self._bound(figure.unit), figure, "reached" if reached else "missed"
        )

    def _bound(self, unit: str) -> str:
        if self.at_least is not None:
            return f">= {self.at_least:,g} {unit}".rstrip()
        return f"<= {self.at_most:,g} {unit}".rstrip()


class Stage(ExitStack):
    """Holds the servers of a benchmark while it runs, and notes what could not be had."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped: list[str] = []

    def optional(self, server: Callable[[], AbstractContextManager[T]]) -> T | None:
        """Start a server for the time of the benchmark, or note why that cannot be."""
        try:
            return self.enter_context(server())
        except Missing as reason:
            self.skipped.append(str(reason))
            return None


@dataclass(frozen=True)
class Benchmark:
    """Contenders that do the same work, and the targets among their figures.

    ``slices`` cuts each round into so many shorter ones, where the work needs no length: then a
    machine whose pace changes from second to second treats all contenders alike.
    """

    name: str
    title: str
    prepare: Callable[[Stage], Iterable[Probe]]
    targets: Sequence[Target] = ()
    slices: int = 1


def of(work: str, contender: str = ZOLDYQ) -> Callable[[Results], Series]:
    """Return the figure of one row."""
    return lambda results: results[work, contender]


def times(work: str, contender: str, *, base: str) -> Callable[[Results], Series]:
    """Return how many times a contender's figure is that of another at the same work."""
    return lambda results: results[work, contender] / results[work, base]


def collect(rounds: Iterable[Mapping[Row, Measure]]) -> dict[Row, Series]:
    """Turn rounds of measures into a series for each row."""
    values: dict[Row, list[Measure]] = {}
    for each in rounds:
        for row, measure in each.items():
            values.setdefault(row, []).append(measure)
    return {
        row: Series(measures[0].unit, tuple(measure.value for measure in measures))
        for row, measures in values.items()
    }


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that ``percent`` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]
