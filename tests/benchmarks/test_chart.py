from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from benchmarks.chart import draw


def document(work: str) -> dict[str, Any]:
    row = {"work": work, "unit": "messages/s", "median": 2.0, "rounds": [1.0, 2.0, 3.0]}
    return {
        "machine": {"zoldyq": "1.0", "cores": 2, "python": "3.11"},
        "rounds": 3,
        "benchmarks": [
            {
                "name": "single",
                "rows": [{**row, "contender": "ZoldyQ"}, {**row, "contender": "another"}],
            }
        ],
    }


def test_the_chart_is_drawn_in_both_formats(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the chart needs matplotlib (in the extra plot)")
    png, svg = draw(document("enqueue, 8 connections"), tmp_path)
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in svg.read_text(encoding="utf-8")


def test_a_run_without_figures_for_it_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the chart needs matplotlib (in the extra plot)")
    with pytest.raises(click.ClickException, match="nothing that the chart shows"):
        draw(document("another work"), tmp_path)
