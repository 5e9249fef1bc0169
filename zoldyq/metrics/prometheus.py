"""Metrics for Prometheus, read at scrape time from counters that are kept anyway."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from zoldyq import __version__
from zoldyq.contract.statistics import FIGURES
from zoldyq.metrics.durations import BOUNDS, Durations, OperationDurations
from zoldyq.queue import Queues

_FAMILY_OF: Mapping[str, type[CounterMetricFamily | GaugeMetricFamily]] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
}


class ZoldyQCollector(Collector):
    """Reads queues and durations whenever it is scraped.

    ``websockets`` tells how many sessions are open, and ``connections`` how many connections, where
    the server counts them.
    """

    def __init__(
        self,
        queues: Queues,
        durations: OperationDurations,
        websockets: Callable[[], int],
        connections: Callable[[], int] | None = None,
    ) -> None:
        self._queues = queues
        self._durations = durations
        self._websockets = websockets
        self.connections = connections

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with its present value."""
        yield from self._of_queues()
        yield _histogram(
            "zoldyq_enqueue_duration_seconds",
            "Time that an enqueue took; with waited=true it had to wait for room",
            self._durations.enqueue,
            self._durations.enqueue_waited,
        )
        yield _histogram(
            "zoldyq_dequeue_duration_seconds",
            "Time that a dequeue took; with waited=true it had to wait for a message",
            self._durations.dequeue,
            self._durations.dequeue_waited,
        )
        yield from self._of_server()

    def _of_queues(self) -> Iterator[Metric]:
        every = list(self._queues.all_stats())
        for figure in FIGURES:
            if figure.metric is not None:
                family = _FAMILY_OF[figure.kind](figure.metric, figure.meaning, labels=["queue"])
                for name, stats in every:
                    family.add_metric([name], getattr(stats, figure.name))
                yield family
        dropped = CounterMetricFamily(
            "zoldyq_dropped_total",
            "Messages accepted and neither delivered nor purged",
            labels=["reason"],
        )
        for reason, count in self._queues.dropped.items():
            dropped.add_metric([reason], count)
        yield dropped

    def _of_server(self) -> Iterator[Metric]:
        if self.connections is not None:
            yield GaugeMetricFamily(
                "zoldyq_connections", "Connections that are open", self.connections()
            )
        yield GaugeMetricFamily(
            "zoldyq_websocket_sessions", "WebSocket sessions that are open", self._websockets()
        )
        build = {"version": __version__, "python": platform.python_version()}
        yield InfoMetricFamily("zoldyq_build", "What is running", build)


def registry_of(collector: ZoldyQCollector) -> CollectorRegistry:
    """Return a registry with this collector alone, so that two apps can live in one process."""
    registry = CollectorRegistry()
    registry.register(collector)
    return registry


def _histogram(name: str, text: str, at_once: Durations, waited: Durations) -> Metric:
    family = HistogramMetricFamily(name, text, labels=["waited"])
    for label, durations in (("false", at_once), ("true", waited)):
        counts, total = durations.snapshot()
        bounds = [*map(str, BOUNDS), "+Inf"]
        family.add_metric([label], list(zip(bounds, accumulate(counts), strict=True)), total)
    return family
