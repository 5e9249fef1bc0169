"""Draws the chart of a run: ``python -m benchmarks.chart RESULTS.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

#: Each panel: the benchmark, the work shown, and the panel's title.
_PANELS = (
    ("single", "enqueue, 8 connections", "enqueue over HTTP, 8 connections"),
    ("single", "dequeue, 8 connections", "dequeue over HTTP, 8 connections"),
    ("batches", "in, batches of 100", "in, batches of 100, 8 connections"),
    ("batches", "out, batches of 100", "out, batches of 100, 8 connections"),
    ("batches", "in, batches of 1000", "in, batches of 1,000, 8 connections"),
    ("batches", "out, batches of 1000", "out, batches of 1,000, 8 connections"),
    ("clients", "send, each answered", "one Python program: send, each answered"),
    ("clients", "take, one at a time", "one Python program: take, one at a time"),
    ("clients", "send, many under way", "one Python program: send, many under way"),
    ("clients", "take, many at a time", "one Python program: take, many at a time"),
)
_COLUMNS = 2
_OURS, _OTHERS, _WHISKERS = "#c2410c", "#94a3b8", "#334155"

Row = Mapping[str, Any]


@click.command(help="Draw chart.png and chart.svg beside the results of a run.")
@click.argument("results", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(results: Path) -> None:
    """Draw the chart of a run; exit 1 if that cannot be done."""
    document = json.loads(results.read_text(encoding="utf-8"))
    for file in draw(document, results.parent):
        click.echo(file)


def draw(document: dict[str, Any], folder: Path) -> list[Path]:
    """Draw those panels for which the run has figures; return the files.

    Raises:
        click.ClickException: matplotlib is not installed, or there is nothing to draw.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise click.ClickException("the chart needs matplotlib (in the extra plot)") from None
    panels = [(title, rows) for *which, title in _PANELS if (rows := _rows(document, *which))]
    if not panels:
        raise click.ClickException("these results have nothing that the chart shows")
    lines = -(-len(panels) // _COLUMNS)
    figure = Figure(figsize=(13, 2.3 * lines), layout="constrained")
    axes = figure.subplots(lines, _COLUMNS, squeeze=False).flat
    for axis, (title, rows) in zip(axes, panels, strict=False):
        _panel(axis, title, rows)
    for axis in list(axes)[len(panels) :]:
        axis.set_visible(False)
    machine = document["machine"]
    figure.suptitle(
        f"ZoldyQ {machine['zoldyq']} on {machine['cores']} cores, Python {machine['python']}: "
        f"medians of {document['rounds']} rounds, whiskers from the lowest to the highest",
        fontsize=10,
    )
    files = [folder / "chart.png", folder / "chart.svg"]
    for file in files:
        figure.savefig(file, dpi=120)
    return files


def _rows(document: dict[str, Any], benchmark: str, work: str) -> list[Row]:
    """Return the figures of one kind of work, highest first."""
    rows = [
        row
        for each in document["benchmarks"]
        if each["name"] == benchmark
        for row in each["rows"]
        if row["work"] == work
    ]
    return sorted(rows, key=lambda row: -row["median"])


def _panel(axis: Any, title: str, rows: Sequence[Row]) -> None:
    places = range(len(rows))
    medians = [row["median"] for row in rows]
    below = [row["median"] - min(row["rounds"]) for row in rows]
    above = [max(row["rounds"]) - row["median"] for row in rows]
    colours = [_OURS if row["contender"].startswith("ZoldyQ") else _OTHERS for row in rows]
    axis.barh(places, medians, xerr=[below, above], color=colours, ecolor=_WHISKERS, height=0.7)
    labels = [f"{row['contender']}  {row['median']:,.0f}" for row in rows]
    axis.set_yticks(places, labels, fontsize=8)
    axis.invert_yaxis()
    axis.set_title(f"{title} ({rows[0]['unit']})", fontsize=9, loc="left")
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axis.tick_params(axis="x", labelsize=7)
    axis.xaxis.get_major_locator().set_params(nbins=5)
    axis.grid(axis="x", alpha=0.3)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.chart")
