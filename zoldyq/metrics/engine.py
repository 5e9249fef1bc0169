"""Metrics of an engine that keeps the queues elsewhere, for this front end alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


class EngineFigures(Protocol):
    """What an engine counts."""

    calls: int
    operations: int
    call_seconds: float
    reconnects: int
    rejoined: int
    reaped: int
    retries: dict[str, int]


def engine_families(figures: EngineFigures, *, up: bool) -> Iterator[Metric]:
    """Yield every metric with its present value."""
    yield GaugeMetricFamily("zoldyq_engine_up", "Whether the backend answers", float(up))
    for name, meaning, value in (
        ("calls_total", "Calls of queues' scripts", figures.calls),
        ("operations_total", "Enqueues and dequeues that calls carried", figures.operations),
        ("call_seconds_total", "Time that calls took, in seconds", figures.call_seconds),
        ("reconnects_total", "Connections to the backend that were lost", figures.reconnects),
        (
            "rejoined_total",
            "Places in line that were taken anew after a lost connection",
            figures.rejoined,
        ),
        (
            "reaped_total",
            "Messages that front ends that died had taken, and that went back",
            figures.reaped,
        ),
    ):
        yield CounterMetricFamily(f"zoldyq_engine_{name}", meaning, value)
    yield _retries(dict(figures.retries))


def _retries(counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(
        "zoldyq_engine_retries_total", "Commands that were repeated", labels=["reason"]
    )
    for reason, count in counts.items():
        family.add_metric([reason], count)
    return family
