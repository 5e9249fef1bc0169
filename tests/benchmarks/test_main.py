from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks.catalogue import BENCHMARKS
from benchmarks.figures import Benchmark, Measure, Missing, Probe, Stage, WorkNotDone
from benchmarks.suite import inprocess


def test_a_tiny_run_measures_judges_and_writes_its_figures(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    arguments = ["--only", "inprocess", "--seconds", "0.2", "--rounds", "2", "--json", str(file)]
    done = CliRunner().invoke(command.main, arguments)
    assert done.exit_code == 0, done.output
    assert "target >= 1.5 x: " in done.output
    document = json.loads(file.read_text())
    (benchmark,) = document["benchmarks"]
    assert {row["contender"] for row in benchmark["rows"]} == {
        "ZoldyQ",
        "queue.Queue",
        "queue.SimpleQueue",
    }
    rounds = 2 * inprocess.BENCHMARK.slices
    assert all(len(row["rounds"]) == rounds for row in benchmark["rows"])
    assert all(min(row["rounds"]) > 0 for row in benchmark["rows"])
    assert document["machine"]["cores"] >= 1


@pytest.mark.parametrize("arguments", [["--rounds", "1"], ["--seconds", "0"], ["--only", "nope"]])
def test_a_run_that_would_tell_nothing_is_refused(arguments: list[str]) -> None:
    assert CliRunner().invoke(command.main, arguments).exit_code == 2


def test_benchmarks_have_names_of_their_own() -> None:
    names = [benchmark.name for benchmark in BENCHMARKS]
    assert len(set(names)) == len(names)


def test_a_failure_is_loud_and_the_others_still_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(seconds: float) -> Iterator[Measure]:
        raise WorkNotDone("messages: 1 counted, 2 to 2 expected")

    def without_tool(stage: Stage) -> Iterable[Probe]:
        raise Missing("wrk is not installed (Debian package wrk)")

    fine = Probe("ZoldyQ", lambda seconds: [Measure("work", "turns", 7)])
    monkeypatch.setattr(
        command,
        "BENCHMARKS",
        (
            Benchmark("broken", "it loses messages", lambda stage: [Probe("ZoldyQ", lose)]),
            Benchmark("absent", "it needs a tool", without_tool),
            Benchmark("fine", "it works", lambda stage: [fine]),
        ),
    )
    done = CliRunner().invoke(command.main, [])
    assert done.exit_code == 1
    assert "absent: skipped: wrk is not installed" in done.output
    assert "fine: it works" in done.output
    assert "work was not done: broken: ZoldyQ: messages: 1 counted" in done.output
