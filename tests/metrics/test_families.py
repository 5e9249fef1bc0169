"""The templates write what prometheus-client would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from zoldyq.contract.statistics import FIGURES, QueueStats
from zoldyq.metrics.families import queue_families
from zoldyq.queue import MessageQueue

Queues = list[tuple[str, QueueStats]]


class Reference(Collector):
    """The same metrics as the library has them."""

    def __init__(self, queues: Queues, *, openmetrics: bool) -> None:
        self._queues = queues
        self._openmetrics = openmetrics

    def collect(self) -> Iterator[Metric]:
        for figure in FIGURES:
            if figure.metric is None:
                continue
            if figure.kind == "counter":
                yield self._counter(figure.name, figure.metric, figure.meaning)
            else:
                gauge = GaugeMetricFamily(figure.metric, figure.meaning, labels=["queue"])
                for name, stats in self._queues:
                    value = getattr(stats, figure.name)
                    if value is not None:
                        gauge.add_metric([name], value)
                yield gauge

    def _counter(self, field: str, metric: str, meaning: str) -> Metric:
        counter = CounterMetricFamily(metric, meaning, labels=["queue"])
        for name, stats in self._queues:
            since = stats.created_at / 1_000_000 if self._openmetrics else None
            counter.add_metric([name], getattr(stats, field), created=since)
        return counter


def with_numbers(numbers: Callable[[int], float]) -> QueueStats:
    """Statistics whose figures are what the function says of their places."""
    stats = MessageQueue("a", 4).stats()
    values = {
        field.name: numbers(place)
        for place, field in enumerate(fields(stats))
        if isinstance(getattr(stats, field.name), int | float)
    }
    return replace(stats, **values)


QUEUES: dict[str, Queues] = {
    "no queue": [],
    "whole numbers": [("emails", with_numbers(lambda place: place))],
    "numbers around the first with an exponent": [
        (f"q{number}", with_numbers(lambda place, number=number: number + place - 7))
        for number in (1_000_000, 10_000_000, 1 << 40, 10**17)
    ],
    "fractions": [
        ("a.b:c-d_e", with_numbers(lambda place: place / 7)),
        ("B", with_numbers(lambda place: 10.0**place * 1.1)),
    ],
    "many": [(f"q{n}", with_numbers(lambda place, n=n: n * place)) for n in range(100)],
}


@pytest.mark.parametrize("queues", QUEUES.values(), ids=QUEUES)
@pytest.mark.parametrize("openmetrics", [False, True])
def test_the_text_is_that_of_the_library(queues: Queues, openmetrics: bool) -> None:
    registry = CollectorRegistry()
    registry.register(Reference(queues, openmetrics=openmetrics))
    expected = (generate_openmetrics if openmetrics else generate_latest)(registry).decode()
    text = "".join(queue_families(iter(queues), openmetrics=openmetrics))
    assert text == expected.removesuffix("# EOF\n")
