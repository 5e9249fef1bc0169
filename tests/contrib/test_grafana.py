"""The Grafana dashboard; tests/contrib/test_prometheus.py asks its queries of a real Prometheus."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

from tests.contrib.programs import CONTRIB
from tests.metrics.names import metric_names

TEXT = (CONTRIB / "grafana" / "dashboard.json").read_text(encoding="utf-8")
DASHBOARD = json.loads(TEXT)
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]


def test_it_shows_every_metric_and_no_other() -> None:
    used = set(re.findall(r"zoldyq_\w+", TEXT))
    used = {re.sub(r"_seconds_(bucket|count)$", "_seconds", name) for name in used}
    assert used == metric_names()


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        rows = range(place["y"], place["y"] + place["h"])
        cells = set(itertools.product(columns, rows))
        assert max(columns) < 24
        assert taken.isdisjoint(cells), panel["title"]
        taken |= cells


def test_panels_have_numbers_of_their_own_and_ask_the_chosen_source() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    variables = [variable["name"] for variable in DASHBOARD["templating"]["list"]]
    assert variables == ["datasource", "instance", "queue"]
    for panel in PANELS:
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == "${datasource}"
            assert 'instance=~"$instance"' in target["expr"]
