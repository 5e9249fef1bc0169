"""Tables for people, and a document for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click

from benchmarks.figures import Series, Verdict
from benchmarks.runner import Outcome

_COLOURS = {"reached": "green", "missed": "red"}


def show(outcome: Outcome) -> None:
    """Print a benchmark's figures, its verdicts and what was left out."""
    benchmark = outcome.benchmark
    click.secho(f"\n{benchmark.name}: {benchmark.title}", bold=True)
    rows = [
        (work, contender, number(series.median), spread(series), series.unit)
        for (work, contender), series in sorted_by_work(outcome)
    ]
    for line in table([("work", "contender", "median", "spread", "unit"), *rows]):
        click.echo(f"  {line}")
    for reason in outcome.skipped:
        click.secho(f"  skipped: {reason}", fg="yellow")
    for verdict in outcome.verdicts:
        colour = _COLOURS.get(verdict.outcome, "yellow")
        click.secho(f"  {_told(verdict)}: {verdict.outcome}", fg=colour)


def _told(verdict: Verdict) -> str:
    target = f"target {verdict.bound}"
    if verdict.figure is None:
        return f"{verdict.text}: {target}"
    figure = f"{number(verdict.figure.median)} ({spread(verdict.figure)})"
    return f"{verdict.text}: {figure}, {target}"


def sorted_by_work(outcome: Outcome) -> list[tuple[tuple[str, str], Series]]:
    """Return the rows with equal work together, both in the order in which they came up."""
    works = list(dict.fromkeys(work for work, _ in outcome.results))
    return sorted(outcome.results.items(), key=lambda item: works.index(item[0][0]))


def table(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Yield lines with the columns aligned: figures to the right, texts to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if position in (2, 3) else cell.ljust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def number(value: float) -> str:
    """Write a figure with three to four digits that matter."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) >= 100 else f"{value:.3g}"


def spread(series: Series) -> str:
    """Write the lowest and the highest figure."""
    return f"{number(series.low)} - {number(series.high)}"


def document(
    outcomes: Iterable[Outcome], machine: dict[str, str | int], *, rounds: int, seconds: float
) -> dict[str, Any]:
    """Return a run as what JSON can hold."""
    return {
        "machine": machine,
        "rounds": rounds,
        "seconds": seconds,
        "benchmarks": [_benchmark_document(outcome) for outcome in outcomes],
    }


def _benchmark_document(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.benchmark.name,
        "title": outcome.benchmark.title,
        "rows": [
            {"work": work, "contender": contender, **_series_document(series)}
            for (work, contender), series in sorted_by_work(outcome)
        ],
        "targets": [
            {
                "text": verdict.text,
                "bound": verdict.bound,
                "outcome": verdict.outcome,
                **({} if verdict.figure is None else _series_document(verdict.figure)),
            }
            for verdict in outcome.verdicts
        ],
        "skipped": list(outcome.skipped),
    }


def _series_document(series: Series) -> dict[str, Any]:
    return {"unit": series.unit, "median": series.median, "rounds": list(series.values)}
