from __future__ import annotations

import json

import pytest

from benchmarks import report
from benchmarks.figures import Benchmark, Series, Verdict
from benchmarks.runner import Outcome

OUTCOME = Outcome(
    Benchmark("single", "one at a time", lambda stage: []),
    {
        ("enqueue", "ZoldyQ"): Series("messages/s", (60_000.0, 61_000.0)),
        ("dequeue", "ZoldyQ"): Series("messages/s", (70_000.0, 71_000.0)),
        ("enqueue", "peer"): Series("messages/s", (2_400.0, 2_500.0)),
    },
    [
        Verdict("enqueue, against peer", ">= 15 x", Series("x", (24.0, 26.0)), "reached"),
        Verdict("dequeue, against peer", ">= 15 x", None, "not measured: no peer"),
    ],
    ["webdis is not installed"],
)


def test_figures_targets_and_what_was_left_out_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report.show(OUTCOME)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "enqueue ZoldyQ 60,500 60,000 - 61,000 messages/s" in lines
    assert lines.index("enqueue peer 2,450 2,400 - 2,500 messages/s") < lines.index(
        "dequeue ZoldyQ 70,500 70,000 - 71,000 messages/s"
    )
    assert "skipped: webdis is not installed" in lines
    assert "enqueue, against peer: 25 (24 - 26), target >= 15 x: reached" in lines
    assert "dequeue, against peer: target >= 15 x: not measured: no peer" in lines


def test_the_document_holds_every_round() -> None:
    document = report.document([OUTCOME], {"cores": 2}, rounds=2, seconds=1.5)
    (benchmark,) = json.loads(json.dumps(document))["benchmarks"]
    assert benchmark["rows"][0] == {
        "work": "enqueue",
        "contender": "ZoldyQ",
        "unit": "messages/s",
        "median": 60_500.0,
        "rounds": [60_000.0, 61_000.0],
    }
    assert [target["outcome"] for target in benchmark["targets"]] == [
        "reached",
        "not measured: no peer",
    ]
    assert benchmark["skipped"] == ["webdis is not installed"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567.8, "1,234,568"), (999.96, "1000"), (123.456, "123.5"), (0.04321, "0.0432"), (0, "0")],
)
def test_figures_are_written_with_the_digits_that_matter(value: float, text: str) -> None:
    assert report.number(value) == text
