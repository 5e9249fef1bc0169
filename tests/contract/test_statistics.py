"""Every face tells the figures of :mod:`zoldyq.contract.statistics`, and no others."""

from __future__ import annotations

import re
from dataclasses import asdict, fields
from typing import Any

import msgspec
import pytest

import zoldyq.client
from tests.contract.servers import ROOT
from tests.server.wsgi.client import call
from zoldyq.config import Settings
from zoldyq.contract.statistics import FIGURES, QueueStats
from zoldyq.metrics.families import queue_families
from zoldyq.queue import QueueManager
from zoldyq.server.wsgi.app import create_app

# Rates that the dashboard works out from two looks.
DERIVED = {"in", "out"}

NAMES = [figure.name for figure in FIGURES]


def test_every_field_is_a_figure_with_a_meaning() -> None:
    assert [field.name for field in fields(QueueStats)] == NAMES
    assert all(figure.meaning for figure in FIGURES)


def test_counters_are_named_as_such() -> None:
    for figure in FIGURES:
        assert (figure.kind == "counter") == figure.name.endswith("_total")
        assert figure.metric is None or figure.metric.startswith("zoldyq_")
        assert figure.metric is None or (figure.kind == "counter") == figure.metric.endswith(
            "_total"
        )


@pytest.fixture
def queues() -> QueueManager:
    queues = QueueManager()
    queues.enqueue_many("emails", [b"1", b"2"])
    queues.dequeue("emails")
    return queues


def test_the_documents_tell_every_figure(queues: QueueManager) -> None:
    app = create_app(Settings(), queues)
    one = call(app, "GET", "/queues/emails").document()
    assert list(one) == ["queue_name", *NAMES]
    for path in ("/queues", "/health"):
        assert list(call(app, "GET", path).document()["queues"]["emails"]) == NAMES


def test_the_openapi_document_explains_every_figure() -> None:
    document = call(create_app(Settings()), "GET", "/openapi.json").document()
    for name in ("Queue", "QueueStats"):
        schema: dict[str, Any] = document["components"]["schemas"][name]
        meanings = {each: what.get("description") for each, what in schema["properties"].items()}
        meanings.pop("queue_name", None)
        assert meanings == {figure.name: figure.meaning for figure in FIGURES}
        assert set(schema["required"]) >= set(NAMES)


def test_metrics_tell_every_figure_that_has_one(queues: QueueManager) -> None:
    text = "".join(queue_families(queues.all_stats(), openmetrics=False))
    told = dict(re.findall(r"^(\w+){queue=\"emails\"} (\S+)$", text, re.MULTILINE))
    stats = queues.stats("emails")
    for figure in FIGURES:
        value = getattr(stats, figure.name)
        if figure.metric is not None and value is not None:
            said = float(told.pop(figure.metric))
            assert said == value or figure.name == "oldest_age_seconds"
    assert told == {}


def test_the_client_reads_every_figure(queues: QueueManager) -> None:
    stats = queues.stats("emails")
    read = msgspec.json.decode(msgspec.json.encode(stats), type=zoldyq.client.QueueStats)
    assert {name: getattr(read, name) for name in NAMES} == asdict(stats)


def test_the_dashboard_shows_no_figure_that_is_not_there() -> None:
    for script in (ROOT / "zoldyq" / "ui").glob("*.js"):
        text = script.read_text(encoding="utf-8")
        used = set(re.findall(r"figures\.([a-z_]+)|sum\(\"([a-z_]+)\"\)", text))
        names = {one or other for one, other in used} - DERIVED
        assert names <= set(NAMES), script.name


def test_the_pages_explain_every_figure() -> None:
    page = (ROOT / "contrib" / "docs" / "api.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| .+ \|$", page, re.MULTILINE)
    assert set(NAMES) <= {name for row in rows for name in re.findall(r"\w+", row)}
