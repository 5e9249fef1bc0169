"""The command: ``python -m benchmarks``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from benchmarks import machine, report
from benchmarks.catalogue import BENCHMARKS
from benchmarks.figures import Benchmark, Missing, WorkNotDone
from benchmarks.runner import Outcome, run


@click.command(help="Measure ZoldyQ beside what people use today, and judge it by its targets.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice([benchmark.name for benchmark in BENCHMARKS]),
    help="Run this benchmark alone; may be given several times.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=2.0,
    show_default=True,
    help="Length of one measurement; wrk makes it a whole number, at least 1.",
)
@click.option(
    "--rounds",
    type=click.IntRange(2),
    default=5,
    show_default=True,
    help="How often each contender is measured, in turn with the others.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the figures of all rounds to this file.",
)
def main(only: tuple[str, ...], seconds: float, rounds: int, json_file: Path | None) -> None:
    """Run the suite; exit 1 when a benchmark's work was not done."""
    chosen = [benchmark for benchmark in BENCHMARKS if not only or benchmark.name in only]
    about = machine.describe()
    click.echo("\n".join(f"{name}: {value}" for name, value in about.items()))
    outcomes: list[Outcome] = []
    failed: list[str] = []
    for benchmark in chosen:
        try:
            outcomes.append(_run_shown(benchmark, rounds=rounds, seconds=seconds))
        except Missing as reason:
            click.secho(f"\n{benchmark.name}: skipped: {reason}", fg="yellow")
        except WorkNotDone as error:
            failed.append(f"{benchmark.name}: {error}")
            click.secho(f"\n{failed[-1]}", fg="red", err=True)
    document = report.document(outcomes, about, rounds=rounds, seconds=seconds)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if failed:
        raise click.ClickException("work was not done: " + "; ".join(failed))


def _run_shown(benchmark: Benchmark, *, rounds: int, seconds: float) -> Outcome:
    """Run a benchmark behind a progress bar, and print its figures."""
    with click.progressbar(
        length=1,
        label=f"{benchmark.name:12}",
        item_show_func=lambda contender: contender or "",
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
    ) as bar:

        def show(done: int, in_all: int, contender: str) -> None:
            bar.length = in_all
            bar.update(done - bar.pos, contender)

        outcome = run(benchmark, rounds=rounds, seconds=seconds, show=show)
    report.show(outcome)
    return outcome


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
